import type { DuckDBConnection } from "@duckdb/node-api";
import { z } from "zod";
import { quoteName } from "../../shared/quote-sql.ts";
import { JobFailure } from "../job-failure.ts";
import type { ColumnPlan } from "./plan-columns.ts";
import { capWatermark, toWatermark } from "./watermark.ts";

const oneText = z.tuple([z.tuple([z.string().nullable()])]);

/** The watermark of rows that were read as of a moment (in UTC, as text); null when none of them has a key. */
export async function largestKey(
  connection: DuckDBConnection,
  { source, staged }: ColumnPlan,
  relation: string | undefined,
  moment: string,
): Promise<string | null> {
  if (relation === undefined) return null;
  const value = quoteName(staged.name);
  // Nothing is above infinity, nor above what is not a number.
  const counted = source.type.kind === "float" ? ` WHERE isfinite(${value})` : "";
  const reader = await connection.runAndReadAll(`SELECT max(${value})::VARCHAR FROM ${relation}${counted}`);
  const [[largest]] = oneText.parse(reader.getRowsJS());
  return largest === null ? null : capWatermark(source, toWatermark(source, largest), moment);
}

/** The column that somebody means: by its very name, else by the only one that differs in case alone. */
export function findColumn(plans: ColumnPlan[], name: string): ColumnPlan {
  const exact = plans.find(({ source }) => source.name === name);
  const similar = plans.filter(({ source }) => source.name.toLowerCase() === name.toLowerCase());
  const found = exact ?? (similar.length === 1 ? similar[0] : undefined);
  if (found !== undefined) return found;
  const why = similar.length > 1 ? "Several columns are called so but for their case" : "The table has no such column";
  throw new JobFailure("invalid_sync", `Cannot sync by ${name}: ${why.toLowerCase()}.`);
}
