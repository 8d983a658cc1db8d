import type { DuckDBConnection } from "@duckdb/node-api";
import { quoteName } from "../../shared/quote-sql.ts";
import { interruptible } from "./ask-duckdb.ts";
import { fitColumns, type TypedColumn } from "./fit-columns.ts";
import { numberedRows } from "./numbered-rows.ts";

export interface MergeIncrementOptions {
  /** Where `data` is made; the relations are known to it. */
  connection: DuckDBConnection;
  /** The previous snapshot's rows, as they stand after FROM: `"previous"."main"."data"`. */
  base: string;
  /** A table (no view) of the rows that were read again or for the first time. It has all columns. */
  increment: string;
  /** What `data` is to have; what the base lacks is null in its rows. */
  columns: TypedColumn[];
  /** Rows of the increment replace those of the base with the same key; null appends. */
  primaryKey: string[] | null;
  /** Of rows with the same key in the increment the one with the largest counts, then the one read last. */
  watermark: string | null;
  /** A relation of the keys that the source still has, in columns named as the key's: other rows are left out. */
  sourceKeys?: string | null;
  signal?: AbortSignal;
}

export type MergeOutcome =
  | {
      compatible: true;
      rows: number;
      /** How many of them come from the base, and from the increment. */
      kept: number;
      written: number;
      notes: string[];
    }
  /** The base cannot become what the table is now; nothing was made. */
  | { compatible: false; reason: string };

/** Makes `data` out of the previous snapshot and what has changed since, in this order. */
export async function mergeIncrement(options: MergeIncrementOptions): Promise<MergeOutcome> {
  const { connection, base, increment, columns, primaryKey, signal = new AbortController().signal } = options;
  const missing = primaryKey?.find((name) => !columns.some((column) => column.name === name));
  if (missing !== undefined) return { compatible: false, reason: `the key's column ${missing} is gone` };
  const fit = await fitColumns(connection, base, columns, signal);
  if (!fit.isCompatible) return { compatible: false, reason: fit.reason };
  const typed = columns.map(({ name, type }) => `${quoteName(name)}::${type} AS ${quoteName(name)}`);
  return interruptible(connection, signal, async () => {
    const fitted = `(SELECT ${fit.sql.join(", ")} FROM ${base})`;
    const fields = columns.map(({ name, type }) => `${quoteName(name)} ${type}`);
    await connection.run(`CREATE TABLE data (${fields.join(", ")})`);
    const kept = await connection.run(
      `INSERT INTO data SELECT * FROM ${fitted} AS base ${whereSql(keptConditions(options))}`,
    );
    const written = await connection.run(
      `INSERT INTO data SELECT ${typed.join(", ")} FROM ${newestSql(increment, options)}`,
    );
    const counts = { kept: kept.rowsChanged, written: written.rowsChanged };
    return { compatible: true, rows: counts.kept + counts.written, ...counts, notes: fit.notes };
  });
}

/** Which rows of the base are still as they were. */
function keptConditions({ increment, primaryKey, sourceKeys }: MergeIncrementOptions): string[] {
  const conditions: string[] = [];
  if (primaryKey !== null) conditions.push(`NOT EXISTS (${sameKeySql(increment, primaryKey)})`);
  if (primaryKey !== null && sourceKeys) conditions.push(`EXISTS (${sameKeySql(sourceKeys, primaryKey)})`);
  return conditions;
}

const sameKeySql = (relation: string, key: string[]) => {
  const same = key.map((name) => `other.${quoteName(name)} IS NOT DISTINCT FROM base.${quoteName(name)}`);
  return `SELECT 1 FROM ${relation} AS other WHERE ${same.join(" AND ")}`;
};

/** Rows are chosen by their number: a sort of whole rows would hold them all. */
function newestSql(increment: string, { columns, primaryKey, watermark }: MergeIncrementOptions): string {
  if (primaryKey === null) return increment;
  const [numbered, id] = numberedRows(
    increment,
    columns.map(({ name }) => name),
  );
  const order = [...(watermark === null ? [] : [`${quoteName(watermark)} DESC NULLS LAST`]), `${id} DESC`];
  const key = primaryKey.map(quoteName).join(", ");
  return `${numbered} AS rows WHERE ${id} IN (
    SELECT ${id} FROM ${numbered} QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY ${order.join(", ")}) = 1)`;
}

const whereSql = (conditions: string[]) => (conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`);
