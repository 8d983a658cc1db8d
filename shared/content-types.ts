import type { OutputFormat } from "./contract/data.ts";

/** The media types of results and samples. */
export const CONTENT_TYPES = {
  json: "application/json",
  csv: "text/csv; charset=utf-8",
  parquet: "application/vnd.apache.parquet",
} satisfies Record<OutputFormat, string>;
