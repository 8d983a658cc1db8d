import { z } from "zod";
import { parseRetryAfter } from "./retry-after.ts";

/** An access token, or the older pair out of kaggle.json. */
export type KaggleCredentials = { token: string } | { username: string; key: string };

/** What a candidate is judged by; Kaggle leaves out fields that hold their default. */
const kaggleDataset = z.object({
  ref: z.string().regex(/^[^/\s]+\/[^/\s]+$/),
  title: z.string().default(""),
  subtitle: z.string().default(""),
  /** Kaggle's own figure for the whole dataset; the archive's size is known only from its download. */
  totalBytes: z.coerce.number().nonnegative().default(0),
  downloadCount: z.number().default(0),
  voteCount: z.number().default(0),
  /** 0 to 1. */
  usabilityRating: z.number().default(0),
  licenseName: z.string().default(""),
  lastUpdated: z.string().default(""),
  currentVersionNumber: z.number().int().positive().default(1),
  tags: z.array(z.object({ name: z.string().default("") })).default([]),
});
const datasetList = z.object({ datasets: z.array(kaggleDataset).default([]) });
const refusal = z.union([
  z.object({ code: z.number().min(400), message: z.string().default("") }),
  z.object({ error: z.object({ code: z.number().min(400), message: z.string().default("") }) }),
]);

export type KaggleDataset = z.infer<typeof kaggleDataset>;

export interface Kaggle {
  /** The first page of Kaggle's own search, most relevant first, no larger than `maxBytes`. */
  searchDatasets(search: string, maxBytes: number, signal: AbortSignal): Promise<KaggleDataset[]>;
  getDataset(ref: string, signal: AbortSignal): Promise<KaggleDataset>;
  /** A signed URL of the archive of one version; it expires, and carries its own authorization. */
  requestDownload(ref: string, version: number, signal: AbortSignal): Promise<URL>;
}

/** Kaggle answered with an error, or not at all (`status` undefined). */
export class KaggleError extends Error {
  override readonly name = "KaggleError";
  readonly status: number | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, reply: { status?: number; retryAfterSeconds?: number | undefined; cause?: unknown }) {
    super(message, { cause: reply.cause });
    this.status = reply.status;
    this.retryAfterSeconds = reply.retryAfterSeconds;
  }
}

const RETRY_AFTER_CAP_SECONDS = 3600;
const CALL_TIMEOUT_MS = 30_000;

/** Speaks Kaggle's RPC, as its own SDK does; `url` ends in `/v1`. Never logs nor throws what it authenticates with. */
export function connectKaggle(url: string, credentials: KaggleCredentials): Kaggle {
  const authorization = toAuthorization(credentials);

  async function call(method: string, body: Record<string, unknown>, signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(`${url}/datasets.DatasetApiService/${method}`, {
        method: "POST",
        redirect: "manual",
        headers: { authorization, "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw new KaggleError(`Kaggle does not answer ${method}`, { cause });
    }
  }

  async function read<T>(method: string, body: Record<string, unknown>, schema: z.ZodType<T>, signal: AbortSignal) {
    const reply = await call(method, body, signal);
    const text = await reply.text();
    if (!reply.ok) throw toError(method, reply, text);
    const json = parseJson(text);
    const refused = refusal.safeParse(json);
    if (refused.success) throw toError(method, reply, text);
    const parsed = schema.safeParse(json);
    if (!parsed.success)
      throw new KaggleError(`Kaggle's reply to ${method} makes no sense`, { status: 502, cause: parsed.error });
    return parsed.data;
  }

  return {
    async searchDatasets(search, maxBytes, signal) {
      const body = { search, maxSize: maxBytes, sortBy: "DATASET_SORT_BY_RELEVANCE", page: 1 };
      return (await read("ListDatasets", body, datasetList, signal)).datasets;
    },
    getDataset: (ref, signal) => read("GetDataset", toSlugs(ref), kaggleDataset, signal),
    async requestDownload(ref, version, signal) {
      const reply = await call("DownloadDataset", { ...toSlugs(ref), datasetVersionNumber: version }, signal);
      const location = reply.headers.get("location");
      const text = await reply.text();
      if (reply.status >= 300 && reply.status < 400 && location) return new URL(location, url);
      throw toError("DownloadDataset", reply, text);
    },
  };
}

function toSlugs(ref: string): { ownerSlug: string; datasetSlug: string } {
  const [ownerSlug = "", datasetSlug = ""] = ref.split("/");
  return { ownerSlug, datasetSlug };
}

function toAuthorization(credentials: KaggleCredentials): string {
  if ("token" in credentials) return `Bearer ${credentials.token}`;
  const bytes = new TextEncoder().encode(`${credentials.username}:${credentials.key}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** The API's two bodies: `{code, message}` on www, `{error: {code, message}}` on api. */
function toError(method: string, reply: Response, text: string): KaggleError {
  const { data } = refusal.safeParse(parseJson(text));
  const { code, message } =
    data === undefined ? { code: reply.status, message: "" } : "error" in data ? data.error : data;
  return new KaggleError(message || `${method} was answered with ${reply.status}`, {
    status: reply.ok ? code : reply.status,
    retryAfterSeconds: parseRetryAfter(reply.headers.get("retry-after"), RETRY_AFTER_CAP_SECONDS),
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
