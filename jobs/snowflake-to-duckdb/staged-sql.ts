import { quoteText } from "../../shared/quote-sql.ts";

/** A list of files as DuckDB's functions take it. */
export const listSql = (files: string[]) => `[${files.map(quoteText).join(", ")}]`;

/** The rows of Parquet files; of a column whose type differs from file to file they have the widest. */
export const parquetSql = (files: string[]) => `read_parquet(${listSql(files)}, union_by_name = true)`;
