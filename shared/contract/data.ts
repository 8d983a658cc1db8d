import { z } from "zod";
import { anyCase } from "./any-case.ts";
import { orDefault } from "./or-default.ts";
import { storableText } from "./storable.ts";

/** As long as Snowflake's names are in quotes. */
const name = storableText(512);
const schemaName = name.nullish().describe("Not needed where only one table that you may see has the name");

export const listDataTablesQuery = z.object({
  search: storableText(256, 0).optional().describe("Words of a table's name, description, tags or columns"),
  tag: storableText(64, 0).optional(),
});

export const dataTable = z.object({
  table_name: z.string(),
  schema_name: z.string(),
  description: z.string().nullable(),
  tags: z.array(z.string()),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.string().describe("DuckDB's name of it"),
      source_type: z.string().nullable().describe("Snowflake's name of it; null where its values are masked"),
      masked: z.boolean().describe("Whether its values are shown as *** only"),
    }),
  ),
  row_count: z.int(),
  size_bytes: z.int(),
  version: z.string().describe("Of the snapshot that samples, profiles and queries read"),
  synced_at: z.string().describe("When the snapshot was published"),
  moment: z.string().describe("As of when the snapshot shows the table"),
  fixed_moment: z.boolean().describe("Whether the source could be read as of one moment"),
});
export type DataTable = z.infer<typeof dataTable>;

export const listDataTablesReply = z.array(dataTable);

export const dataTableParams = z.object({ schema: name, table: name });

const SAMPLE_LIMIT = 1_000_000_000;
const sampleSize = z
  .number()
  .positive()
  .max(SAMPLE_LIMIT)
  .refine((size) => size < 1 || Number.isInteger(size), {
    error: "Input should be a number of rows, or a fraction between 0 and 1",
  });

export const outputFormat = anyCase(["json", "csv", "parquet"]);
export type OutputFormat = z.infer<typeof outputFormat>;

export const sampleRequest = z.strictObject({
  table_name: name,
  schema_name: schemaName,
  sample_type: orDefault(anyCase(["first", "random"]), "random"),
  sample_size: orDefault(sampleSize, 1000).describe("How many rows, from 1 on, or a fraction of all, below 1"),
  output_format: orDefault(outputFormat, "json"),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .nullish()
    .describe(
      "The same seed draws the same rows of the same version, if sample_size and output_format are the same: JSON and CSV come from the rows that the sync has drawn, where these are enough, and Parquet from the whole table",
    ),
});

/** A value as JSON has it: what a JSON number would round is a string. */
const cell = z.union([z.string(), z.number(), z.boolean()]).nullable();

export const sampleReply = z.array(z.record(z.string(), z.unknown()));

export const profileRequest = z.strictObject({
  table_name: name,
  schema_name: schemaName,
  force_refresh: orDefault(z.boolean(), false).describe(
    "Computes it anew instead of taking what the sync has computed",
  ),
  sample_size: sampleSize
    .nullish()
    .describe(
      "Of how many rows a refreshed profile is; all, unless it is given. Without `force_refresh` it says nothing",
    ),
});

/** What a profile tells of a column; of a masked one only how much of it is null. */
export const columnProfile = z.object({
  name: z.string(),
  type: z.string(),
  source_type: z.string().nullish().describe("Snowflake's name of it"),
  null_count: z.int(),
  null_share: z.number().describe("Between 0 and 1"),
  distinct_count: z.int().nullable().describe("HyperLogLog's estimate, unless it is exact"),
  distinct_is_exact: z.boolean().nullable(),
  min: cell.describe(
    "Of numbers, dates, times, texts (of their first 256 characters) and booleans; NaN and infinities do not count",
  ),
  max: cell,
  mean: cell.describe("Of numbers; null where they are too large for doubles to square"),
  std: cell,
  q25: cell.describe("Of numbers, dates and times: a t-digest's estimate"),
  q50: cell,
  q75: cell,
  top_values: z
    .array(z.object({ value: cell, count: z.int() }))
    .nullable()
    .describe("Up to ten of the most frequent; the counts are exact, but of very many values a sample tells which"),
  histogram: z
    .array(z.object({ from: cell, to: cell, count: z.int() }))
    .nullable()
    .describe("Of numbers, dates and times: up to 20 bins of equal width, from ≤ value < to; in the last one ≤ to"),
});
export type ColumnProfile = z.infer<typeof columnProfile>;

export const profileReply = dataTable.omit({ columns: true }).extend({
  source: z.enum(["sync", "query"]).describe("Whether the sync has computed it or this call"),
  profiled_rows: z.int(),
  columns: z.array(columnProfile.extend({ masked: z.boolean() })),
});
export type ProfileReply = z.infer<typeof profileReply>;
