import { rename, rm, stat } from "node:fs/promises";
import { quoteName } from "../../shared/quote-sql.ts";
import { JobFailure } from "../job-failure.ts";
import { runDuckdb } from "./ask-duckdb.ts";
import { describeColumns } from "./fit-columns.ts";
import { openDuckdb } from "./open-duckdb.ts";

export interface DeriveVariantOptions {
  /** A snapshot's table.duckdb. */
  from: string;
  /** The file that is made; it appears whole or not at all. */
  to: string;
  /** Where DuckDB puts what does not fit into memory. */
  scratchDir: string;
  memoryMb: number;
  threads: number;
  /** Columns that are left out. Names are told apart as DuckDB does: not by their case. */
  hidden: string[];
  /** Columns whose values become `***`, but for nulls. */
  masked: string[];
  signal: AbortSignal;
}

const SOURCE = "source";
const MASK = "'***'::VARCHAR";

/** Writes a snapshot's table into another file that never held the hidden columns, nor what the masked ones say. */
export async function deriveVariant(options: DeriveVariantOptions): Promise<{ bytes: number }> {
  const { from, to, scratchDir, memoryMb, threads, hidden, masked, signal } = options;
  const partial = `${to}.partial`;
  await removeDatabase(partial);
  try {
    const duckdb = await openDuckdb({ path: partial, scratchDir, memoryMb, threads });
    try {
      await duckdb.attach(from, SOURCE);
      const source = `${quoteName(SOURCE)}.main.data`;
      const columns = await describeColumns(duckdb.connection, source, signal);
      const shown = shownSql(
        columns.map(({ name }) => name),
        hidden,
        masked,
      );
      await runDuckdb(duckdb.connection, `CREATE TABLE data AS SELECT ${shown} FROM ${source}`, signal);
    } finally {
      await duckdb.close();
    }
    const { size } = await stat(partial);
    await rename(partial, to);
    return { bytes: size };
  } finally {
    await removeDatabase(partial);
  }
}

function shownSql(columns: string[], hidden: string[], masked: string[]): string {
  const without = lowerCased(hidden);
  const concealed = lowerCased(masked);
  const shown = columns
    .filter((name) => !without.has(name.toLowerCase()))
    .map((name) => {
      const column = quoteName(name);
      return concealed.has(name.toLowerCase())
        ? `CASE WHEN ${column} IS NOT NULL THEN ${MASK} END AS ${column}`
        : column;
    });
  if (shown.length === 0)
    throw new JobFailure("invalid_columns", `All columns are hidden: ${columns.join(", ")}. Show at least one.`);
  return shown.join(", ");
}

const lowerCased = (names: string[]) => new Set(names.map((name) => name.toLowerCase()));

async function removeDatabase(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}.wal`, { force: true });
}
