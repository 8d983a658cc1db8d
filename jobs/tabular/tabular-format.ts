/** A table's formats: delimited text (the tab has a name of its own), a JSON value per line, Parquet. */
export type TabularFormat = "csv" | "tsv" | "jsonl" | "parquet";

export interface NamedFormat {
  format: TabularFormat;
  gzip: boolean;
}

const FORMATS: Record<string, TabularFormat> = {
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  parquet: "parquet",
  pq: "parquet",
};

/** The format that a file's name promises; undefined when it promises none of them. */
export function formatByName(name: string): NamedFormat | undefined {
  const [, extension = "", gz] = /\.([a-z]+)(\.gz)?$/i.exec(name) ?? [];
  const format = Object.hasOwn(FORMATS, extension.toLowerCase()) ? FORMATS[extension.toLowerCase()] : undefined;
  if (format === undefined || (format === "parquet" && gz !== undefined)) return undefined;
  return { format, gzip: gz !== undefined };
}
