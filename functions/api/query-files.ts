import { z } from "zod";
import { ByteBudget } from "../../shared/byte-budget.ts";
import type { SignUrl } from "../../shared/cloud/sign-url.ts";
import type { OutputFormat } from "../../shared/contract/data.ts";
import type { QueryRow } from "../../shared/db/queries.ts";
import { CorralError, isErrorCode } from "../../shared/errors.ts";
import { fetchObject } from "./fetch-object.ts";

const READ_SECONDS = 3600;
/** Of results that are being read: parsed they take up to six times as much, and a function has 256 MB. */
const MAX_READING_BYTES = 8 * 1024 * 1024;

/** The whole result of a query that is completed. */
export interface QueryResult {
  queryId: string;
  outputFormat: OutputFormat;
  rowCount: number;
  bytes: number;
  url: string;
  expiresAt: Date;
}

export type QueryFiles = ReturnType<typeof createQueryFiles>;

/** Where the results of queries can be read. */
export function createQueryFiles({ sign }: { sign: SignUrl }) {
  const reading = new ByteBudget(MAX_READING_BYTES);

  async function signResult(object: string): Promise<Pick<QueryResult, "url" | "expiresAt">> {
    const filename = object.slice(object.lastIndexOf("/") + 1);
    const query = { "response-content-disposition": `attachment; filename="${filename}"` };
    const expiresAt = new Date(Date.now() + READ_SECONDS * 1000);
    return { url: await sign({ method: "GET", object, lifetimeSeconds: READ_SECONDS, query }), expiresAt };
  }

  return {
    /** A URL of the result, or null where there is none. */
    findUrl: async ({ result_object: object }: QueryRow) => object && (await signResult(object)).url,

    /** The result; ends the request where there is none, with the reason. */
    async getResult(query: QueryRow): Promise<QueryResult> {
      requireCompleted(query);
      if (query.result_object === null) throw new CorralError("result_gone");
      return {
        queryId: query.query_id,
        outputFormat: query.output_format,
        rowCount: query.row_count ?? 0,
        bytes: query.result_bytes ?? 0,
        ...(await signResult(query.result_object)),
      };
    },

    /** A result in JSON, into memory; of large ones, one after the other. */
    async readJson({ url, bytes }: QueryResult): Promise<unknown> {
      const release = await reading.take(bytes);
      try {
        const stored = await fetchObject(url);
        if (stored === undefined) throw new CorralError("result_gone");
        return await stored.json();
      } finally {
        release();
      }
    },
  };
}

function requireCompleted({ status, error }: QueryRow): void {
  switch (status) {
    case "completed":
      return;
    case "failed":
      throw new CorralError("query_failed", error ?? undefined);
    case "cancelled":
      throw new CorralError("query_failed", "The query was cancelled");
    default:
      throw new CorralError("query_not_finished");
  }
}

const receipt = z.object({ snapshots: z.array(z.object({ version: z.string() })) });

/** The version of the one table that a completed query has read; undefined where its receipt tells of none. */
export function versionRead({ receipt: told }: QueryRow): string | undefined {
  return receipt.safeParse(told).data?.snapshots.at(0)?.version;
}

/** Ends a request that a failed query was to answer as if the request itself had failed so. */
export function requireNoFailure({ status, error_code, error }: QueryRow): void {
  if (status === "cancelled") throw new CorralError("query_failed", "The query was cancelled");
  if (status !== "failed") return;
  const code = error_code ?? "";
  if (!isErrorCode(code)) throw new Error(`A query failed with the unknown code "${code}"`);
  throw new CorralError(code, error ?? undefined);
}
