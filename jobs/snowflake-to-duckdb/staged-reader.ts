import type { DuckDBConnection } from "@duckdb/node-api";
import { z } from "zod";
import { quoteName } from "../../shared/quote-sql.ts";
import { JobFailure } from "../job-failure.ts";
import { type ColumnPlan, stagedOf } from "./plan-columns.ts";

const described = z.array(z.tuple([z.string(), z.string()]).rest(z.unknown()));
const EXACT = /^(DECIMAL\(|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$)/;

/**
 * SQL of staged columns by their names. Files say themselves how they hold a number; one that came as floating point has
 * lost digits already, and is refused.
 */
export async function openStaged(
  connection: DuckDBConnection,
  relation: string,
  plans: ColumnPlan[],
): Promise<(staged: string) => string> {
  const reader = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${relation}`);
  const types = new Map(described.parse(reader.getRowsJS()).map(([name, type]) => [name, type]));
  const texts = new Set<string>();
  for (const { name, type: wanted } of stagedOf(plans)) {
    const type = types.get(name);
    if (type === undefined)
      throw new JobFailure("snowflake_error", `Snowflake unloaded the rows without column ${name}.`);
    if (wanted.startsWith("DECIMAL") && !EXACT.test(type)) throw inexact(plans, name, type);
    if (wanted === "VARCHAR" && type === "BLOB") texts.add(name);
  }
  // Parquet's texts are bytes that should, but need not, call themselves text.
  return (staged) => (texts.has(staged) ? `decode(${quoteName(staged)})` : quoteName(staged));
}

function inexact(plans: ColumnPlan[], staged: string, type: string): JobFailure {
  const plan = plans.find((one) => one.staged.name === staged || one.stagedOffset?.name === staged);
  const message = `Snowflake unloaded the exact numbers of column ${plan?.source.name} as ${type}. Sync the table with path "rows".`;
  return new JobFailure("column_unsupported", message);
}
