import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";

const AGAIN_MS = 50;

/** Runs what can be interrupted; an abort ends it with the signal's reason. */
export async function interruptible<T>(
  connection: DuckDBConnection,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  let again: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    // A statement that is about to begin does not notice, nor does the next of several.
    again = setTimeout(interrupt, AGAIN_MS);
  };
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", interrupt);
    clearTimeout(again);
  }
}

/** The rows of a statement that returns few. */
export function askDuckdb(connection: DuckDBConnection, sql: string, signal: AbortSignal): Promise<DuckDBValue[][]> {
  return interruptible(connection, signal, async () => (await connection.runAndReadAll(sql)).getRows());
}

/** The one row of a statement that returns one. */
export async function askDuckdbOnce(
  connection: DuckDBConnection,
  sql: string,
  signal: AbortSignal,
): Promise<DuckDBValue[]> {
  const [row] = await askDuckdb(connection, sql, signal);
  if (row === undefined) throw new Error(`No row answers ${sql}`);
  return row;
}

/** Runs a statement that returns nothing. */
export async function runDuckdb(connection: DuckDBConnection, sql: string, signal: AbortSignal): Promise<void> {
  await interruptible(connection, signal, () => connection.run(sql));
}
