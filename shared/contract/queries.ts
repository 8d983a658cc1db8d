import { z } from "zod";
import { outputFormat } from "./data.ts";
import { orDefault } from "./or-default.ts";
import { type StorableJson, storableArray, storableObject, storableText } from "./storable.ts";

const MAX_SQL = 200_000;
const MAX_PARAMETERS = 200_000;

/** No type of DuckDB has integers from here on: such a number can but be meant as a DOUBLE. */
const MAX_INTEGER = 2 ** 128;
const ROUNDED =
  "Input should have no integers beyond ±(2^53 - 1), which JSON numbers do not hold exactly, and no numbers beyond " +
  "doubles: send them as texts, and cast these in the query where need be (?::HUGEINT, ?::DOUBLE)";

/**
 * What is bound to `?` and `$1`, or by name to `$name`; never spliced into the text. Reading JSON has rounded an
 * integer of more than 53 bits by then, so all that it may have been are refused, `1e20` for one, which looks the same.
 */
const parameters = z
  .union([storableArray(MAX_PARAMETERS), storableObject(MAX_PARAMETERS)])
  .refine(isAsWritten, { error: ROUNDED });

const MAX_LIMIT = 2 ** 53 - 1;
const limit = z.int().min(1).max(MAX_LIMIT).optional();

export const submitQueryRequest = z.strictObject({
  query: storableText(MAX_SQL).describe("One SELECT statement, in DuckDB's SQL"),
  output_format: orDefault(outputFormat, "json"),
  parameters: parameters.nullish().describe("An array for ? and $1, an object for $name; large integers as texts"),
  limits: z
    .strictObject({ seconds: limit, memory_mb: limit, rows: limit, bytes: limit })
    .nullish()
    .describe("Lower than the token's, where that is wanted"),
});

export const queryParams = z.object({ id: z.guid() });

const status = z.enum(["pending", "running", "completed", "failed", "cancelled"]);

/** A query; what it has found is there once its status is completed. */
export const queryReply = z.object({
  query_id: z.guid(),
  job_id: z.guid().describe("The query's id"),
  task_id: z.guid().describe("The query's id"),
  status,
  query: z.string(),
  output_format: z.enum(["json", "csv", "parquet"]),
  created_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })).nullable(),
  preview: z.array(z.array(z.unknown())).nullable().describe("The first rows, as many as fit"),
  is_cut: z.boolean().nullable().describe("Whether the result has more rows than the preview"),
  row_count: z.int().nullable().describe("Of the whole result"),
  result_file: z.url().nullable().describe("Where to read the whole result for an hour"),
  result_url: z.url().nullable().describe("The same"),
  result_bytes: z.int().nullable(),
  receipt: z.record(z.string(), z.unknown()).nullable().describe("What was computed from what"),
  error: z.string().nullable(),
  error_code: z.string().nullable(),
  stats: z.record(z.string(), z.unknown()).nullable(),
});
export type QueryReply = z.infer<typeof queryReply>;

export const queryResultQuery = z.object({
  delivery: z
    .enum(["direct", "url"])
    .default("direct")
    .describe("direct: the result itself, by a redirect when it is large; url: JSON that tells where it is"),
});

export const queryResultReply = z.object({
  query_id: z.guid(),
  result_url: z.url(),
  expires_at: z.string(),
  output_format: z.enum(["json", "csv", "parquet"]),
  result_bytes: z.int(),
  row_count: z.int(),
});

export const cancelQueryReply = z.object({ query_id: z.guid(), job_id: z.guid(), task_id: z.guid(), status });

export const waitHeaders = z.object({
  prefer: z.string().max(256).optional().describe("wait=N waits so many seconds for the query to finish, 140 at most"),
});

/** Whether no number in it is another than was sent. */
function isAsWritten(value: StorableJson): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !isRounded(value);
  return typeof value !== "object" || value === null || Object.values(value).every(isAsWritten);
}

function isRounded(value: number): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < MAX_INTEGER;
}
