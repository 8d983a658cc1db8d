import { z } from "zod";
import { duckType } from "./column-type.ts";
import type { Queries } from "./queries.ts";
import { SnowflakeError, unsupported } from "./snowflake-error.ts";
import { duckName, quoteText } from "./sql/identifiers.ts";

const row = z.array(z.string().nullable());
const READABLE = ["text", "fixed", "real", "boolean"];

/** SQL of an earlier result, for RESULT_SCAN; only small ones of plain types, such as SHOW's. */
export function scannedResult(queries: Queries, id: string): string {
  const result = queries.get(id)?.result;
  if (result === undefined) throw new SnowflakeError("000709", "02000", `Statement ${id} not found`);
  if (result.chunks.length > 0) throw unsupported("RESULT_SCAN of a large result");
  const rows = z.array(row).parse(JSON.parse(`[${result.inline}]`));
  const values = rows.map((cells) => `(${cells.map((cell) => (cell === null ? "NULL" : quoteText(cell))).join(", ")})`);
  const columns = result.columns.map(({ name, type }, at) => {
    if (type.kind === "timestamp_ltz")
      return `sf_mkltz((c${at}::DECIMAL(38,9) * 1000000000)::HUGEINT) AS ${duckName(name)}`;
    if (!READABLE.includes(type.kind)) throw unsupported(`RESULT_SCAN of ${type.kind}`);
    return `CAST(c${at} AS ${duckType(type)}) AS ${duckName(name)}`;
  });
  const names = result.columns.map((_, at) => `c${at}`).join(", ");
  const none = `SELECT ${result.columns.map(() => "NULL::VARCHAR").join(", ")} WHERE false`;
  const source = values.length === 0 ? none : `VALUES ${values.join(", ")}`;
  return `(SELECT ${columns.join(", ")} FROM (${source}) t(${names}))`;
}
