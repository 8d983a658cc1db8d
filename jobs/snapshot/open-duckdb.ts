import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { quoteName, quoteText } from "../../shared/quote-sql.ts";

export interface OpenDuckdbOptions {
  /** The database file, made when it is not there; null for none. */
  path: string | null;
  /** Where DuckDB puts what does not fit into memory. */
  scratchDir: string;
  memoryMb: number;
  threads: number;
  readOnly?: boolean;
}

export interface OpenDuckdb {
  connection: DuckDBConnection;
  /** Attaches another file, read-only, under a name of its own. */
  attach(path: string, alias: string): Promise<void>;
  /** Another connection to the same databases. */
  connect(): Promise<DuckDBConnection>;
  /** Writes everything into the file, beside which no WAL is left, and lets go of it; once more does nothing. */
  close(): Promise<void>;
}

/** What the file is attached as; its schema `main` is where unqualified names are looked up. */
const ALIAS = "snapshot";
/** The oldest format that still has everything we store: native DuckDB and duckdb-wasm both read it. */
const STORAGE_VERSION = "v1.0.0";

/** Opens a DuckDB that keeps to its memory, its threads and its folder, and never loads code from the network. */
export async function openDuckdb(options: OpenDuckdbOptions): Promise<OpenDuckdb> {
  const { path, scratchDir, memoryMb, threads, readOnly = false } = options;
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: `${memoryMb}MB`,
    threads: String(threads),
    temp_directory: scratchDir,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  try {
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    if (path !== null) await connection.run(attachSql(path, ALIAS, readOnly));
    if (path !== null) await connection.run(`USE ${quoteName(ALIAS)}.main`);
    return toOpen(instance, connection, path !== null && !readOnly);
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

function attachSql(path: string, alias: string, readOnly: boolean): string {
  const mode = readOnly ? "READ_ONLY" : `STORAGE_VERSION ${quoteText(STORAGE_VERSION)}`;
  return `ATTACH ${quoteText(path)} AS ${quoteName(alias)} (TYPE duckdb, ${mode})`;
}

function toOpen(instance: DuckDBInstance, connection: DuckDBConnection, isWritten: boolean): OpenDuckdb {
  const others: DuckDBConnection[] = [];
  let isOpen = true;
  return {
    connection,
    async attach(path, alias) {
      await connection.run(attachSql(path, alias, true));
    },
    async connect() {
      const other = await instance.connect();
      others.push(other);
      await other.run("SET TimeZone = 'UTC'");
      return other;
    },
    async close() {
      if (!isOpen) return;
      isOpen = false;
      try {
        for (const other of others) other.closeSync();
        if (!isWritten) return;
        await connection.run(`CHECKPOINT ${quoteName(ALIAS)}`);
        await connection.run("USE memory.main");
        await connection.run(`DETACH ${quoteName(ALIAS)}`);
      } finally {
        connection.closeSync();
        instance.closeSync();
      }
    },
  };
}
