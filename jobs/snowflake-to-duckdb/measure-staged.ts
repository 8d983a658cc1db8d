import type { DuckDBConnection } from "@duckdb/node-api";
import { z } from "zod";
import { quoteName, quoteText } from "../../shared/quote-sql.ts";
import type { ColumnPlan } from "./plan-columns.ts";
import { listSql } from "./staged-sql.ts";
import { type Evidence, isElastic } from "./stored-columns.ts";

/** Rows that were read, or are read again from the last snapshot: SQL of them, and of each column by its name. */
export interface Rows {
  /** What stands after FROM; undefined when there are none. */
  relation: string | undefined;
  /** The Parquet files that it reads, where it reads any. */
  files: string[];
  /** Whether these are all rows: others may need a form in which it matters what these are like. */
  areAll: boolean;
}

const integer = z.string().transform((text) => BigInt(text));
const footerRow = z.tuple([z.string(), z.string().nullable(), z.string().nullable(), z.boolean()]);
const scanned = z.array(z.union([z.string(), z.boolean(), z.null()]));
/** More columns than this in one statement only make it slower. */
const COLUMNS_AT_ONCE = 200;

/**
 * What the values of the elastic columns are like, by their plans. Ranges come from the files' footers; only what they
 * cannot tell is scanned.
 */
export async function measureStaged(
  connection: DuckDBConnection,
  plans: ColumnPlan[],
  { relation, files, areAll }: Rows,
): Promise<Map<ColumnPlan, Evidence>> {
  const found = new Map<ColumnPlan, Evidence>();
  if (relation === undefined) return found;
  const elastic = plans.filter(isElastic);
  const footers = await readFooters(connection, elastic, files);
  const unclear = elastic.filter((plan) => {
    const range = footers.get(plan.staged.name);
    if (range === undefined || !isSettled(plan, range, areAll)) return true;
    if (range !== "empty") found.set(plan, { kind: "integers", ...range, isWholeMicros: true });
    return false;
  });
  for (let at = 0; at < unclear.length; at += COLUMNS_AT_ONCE)
    await scan(connection, unclear.slice(at, at + COLUMNS_AT_ONCE), relation, found);
  return found;
}

/** The evidence of two sets of rows together. */
export function combineEvidence(a: Evidence | undefined, b: Evidence | undefined): Evidence | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.kind === "texts" || b.kind === "texts")
    return { kind: "texts", isJson: [a, b].every((one) => one.kind !== "texts" || one.isJson) };
  return {
    kind: "integers",
    min: smaller(a.min, b.min),
    max: -smaller(-a.max, -b.max),
    isWholeMicros: a.isWholeMicros && b.isWholeMicros,
  };
}

// Math.min takes no BigInt.
function smaller(a: bigint, b: bigint): bigint {
  return a <= b ? a : b;
}

type Range = { min: bigint; max: bigint } | "empty";

/** Whether a range alone says which form it is; whole microseconds show only in the values. */
function isSettled({ source: { type } }: ColumnPlan, range: Range, areAll: boolean): boolean {
  if (range === "empty" || type.kind === "number") return true;
  const spare = 2n ** 63n - 2n ** 60n;
  return areAll && type.kind.startsWith("timestamp") && range.min > -spare && range.max < spare;
}

async function readFooters(
  connection: DuckDBConnection,
  plans: ColumnPlan[],
  files: string[],
): Promise<Map<string, Range>> {
  const names = plans.filter(({ source }) => source.type.kind !== "json").map(({ staged }) => quoteText(staged.name));
  if (files.length === 0 || names.length === 0) return new Map();
  const number = (column: string) => `TRY_CAST(${column} AS DECIMAL(38,0))`;
  const reader = await connection.runAndReadAll(`SELECT path_in_schema,
    min(${number("stats_min_value")})::VARCHAR, max(${number("stats_max_value")})::VARCHAR,
    bool_and(coalesce(${number("stats_min_value")} IS NOT NULL AND ${number("stats_max_value")} IS NOT NULL
      OR stats_null_count = num_values, false))
    FROM parquet_metadata(${listSql(files)}) WHERE path_in_schema IN (${names.join(", ")}) GROUP BY ALL`);
  const ranges = new Map<string, Range>();
  for (const row of z.array(footerRow).parse(reader.getRowsJS())) {
    const [name, min, max, isComplete] = row;
    if (isComplete) ranges.set(name, min === null || max === null ? "empty" : { min: BigInt(min), max: BigInt(max) });
  }
  return ranges;
}

async function scan(
  connection: DuckDBConnection,
  plans: ColumnPlan[],
  relation: string,
  found: Map<ColumnPlan, Evidence>,
): Promise<void> {
  const figures = plans.map(({ source, staged }) => {
    const value = quoteName(staged.name);
    if (source.type.kind === "json") return `NULL::VARCHAR, NULL::VARCHAR, bool_and(json_valid(${value}))`;
    // 64 bits are divided many times faster than 128.
    const whole = source.type.kind === "time" ? `${value}::BIGINT` : `${value}::HUGEINT`;
    return `min(${value})::VARCHAR, max(${value})::VARCHAR, bool_and(${whole} % 1000 = 0)`;
  });
  const reader = await connection.runAndReadAll(`SELECT ${figures.join(", ")} FROM ${relation}`);
  const [row = []] = z.array(scanned).parse(reader.getRowsJS());
  for (const [at, plan] of plans.entries()) {
    const [min, max, holds] = row.slice(at * 3, at * 3 + 3);
    // Null when there are no values.
    if (typeof holds !== "boolean") continue;
    if (plan.source.type.kind === "json") found.set(plan, { kind: "texts", isJson: holds });
    else found.set(plan, { kind: "integers", min: integer.parse(min), max: integer.parse(max), isWholeMicros: holds });
  }
}
