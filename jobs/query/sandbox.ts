import { type DuckDBConnection, DuckDBInstance, type DuckDBResult } from "@duckdb/node-api";
import type { Json } from "../../shared/db/database.types.ts";
import { quoteName, quoteText } from "../../shared/quote-sql.ts";
import { bindParameters } from "./bind-parameters.ts";
import type { KnownTable } from "./explain-error.ts";
import { judgeQuery, type TableReference } from "./judge-query.ts";
import type { GrantedTable } from "./messages.ts";
import { QueryFailure } from "./query-failure.ts";

export interface Attachment extends GrantedTable {
  /** The snapshot's file. */
  file: string;
  /** The schemas that the query looks for the table in. */
  schemas: string[];
}

export interface SandboxLimits {
  memoryMb: number;
  threads: number;
}

/** A text longer than this is no query that somebody wrote. */
const MAX_SQL_BYTES = 1024 * 1024;

/** DuckDB keeps a column's values in pieces of so many rows; to read one of a piece is to load it. */
const ROW_GROUP = 122_880;
/** Of each piece: enough altogether that the code which they go through is compiled. */
const LOADED_ROWS = 40;

/** What holds from the start. */
const FIRST_SETTINGS = {
  autoinstall_known_extensions: "false",
  autoload_known_extensions: "false",
  allow_community_extensions: "false",
  allow_unsigned_extensions: "false",
  allow_persistent_secrets: "false",
  temp_directory: "",
  TimeZone: "UTC",
};

/** What holds from when the tables are attached, in this order. */
const LAST_SETTINGS = {
  enable_external_access: "false",
  // Without it an attached file's own path would stay readable.
  disabled_filesystems: "LocalFileSystem",
  lock_configuration: "true",
};

/** A DuckDB in memory for one query, which can reach nothing but the tables that are attached to it. */
export class Sandbox {
  readonly #connection: DuckDBConnection;
  /** What the attached files are attached as. */
  readonly #aliases = new Map<string, string>();
  #aliasCount = 0;

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  static async open(): Promise<Sandbox> {
    const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
    const sandbox = new Sandbox(await instance.connect());
    await sandbox.#configure(FIRST_SETTINGS);
    await sandbox.#verify(FIRST_SETTINGS);
    // The parser and the serializer are paged in before somebody waits for them.
    await sandbox.#serialize("SELECT 1");
    return sandbox;
  }

  /** The granted tables that the query reads; a `QueryFailure` if it may not run. */
  async judge(sql: string, grants: readonly GrantedTable[]): Promise<TableReference[]> {
    const bytes = Buffer.byteLength(sql);
    if (bytes > MAX_SQL_BYTES)
      throw new QueryFailure("sql_error", `The SQL is ${bytes} bytes long, which is more than ${MAX_SQL_BYTES}.`);
    if (sql.includes("\0")) throw new QueryFailure("sql_error", "The SQL has a zero byte in it.");
    // Nothing else may look at it before: DuckDB reads files for IMPORT, and expands a PRAGMA, when it merely parses them.
    return judgeQuery(sql, await this.#serialize(sql), grants);
  }

  /** Attaches a file for a query that may read it; another query will not find it attached. */
  async hold(file: string): Promise<void> {
    await this.#connection.run(this.#attachSql(file));
  }

  /** Reads all of a file that is attached; a few of its rows come out. */
  async load(file: string): Promise<DuckDBResult> {
    const table = `${this.#aliases.get(file)}.main.data`;
    const statement = await this.#connection.prepare(`FROM ${table} WHERE rowid % ${ROW_GROUP} < ${LOADED_ROWS}`);
    return statement.stream();
  }

  /** Attaches the tables and shuts everything else out; throws unless that can be seen to hold. */
  async close(attachments: readonly Attachment[], { memoryMb, threads }: SandboxLimits): Promise<void> {
    const read = new Set(attachments.map(({ file }) => file));
    const detach = [...this.#aliases.keys()].filter((file) => !read.has(file)).map((file) => this.#detachSql(file));
    const attach = [...read].filter((file) => !this.#aliases.has(file)).map((file) => this.#attachSql(file));
    const views = attachments.flatMap((attachment) => this.#viewsSql(attachment));
    const settings = { memory_limit: `${memoryMb}MB`, threads: String(threads), ...LAST_SETTINGS };
    await this.#connection.run([...detach, ...attach, ...views, ...settingsSql(settings)].join(";"));
    // disabled_filesystems does not tell its value, and memory_limit tells it in other units.
    const { disabled_filesystems: _, ...telling } = LAST_SETTINGS;
    await Promise.all([this.#verify({ ...telling, threads: String(threads) }), this.#verifyNoDisk()]);
  }

  /** Runs the SQL, as it was written; the rows come when they are read. */
  async run(sql: string, parameters: Json): Promise<DuckDBResult> {
    const statement = await this.#connection.prepare(sql);
    bindParameters(statement, parameters);
    return statement.stream();
  }

  /** An attached table as its readers know it. */
  describe({ schema, table, file }: Attachment): KnownTable {
    const alias = this.#aliases.get(file) ?? "";
    return {
      name: `${schema}.${table}`,
      secrets: [`${alias}.main.data`, alias, file],
      listColumns: async () => {
        const reader = await this.#connection.runAndReadAll(`DESCRIBE ${alias}.main.data`);
        return reader.getRows().map(([name]) => String(name));
      },
    };
  }

  #attachSql(file: string): string {
    const alias = `snapshot_${this.#aliasCount++}`;
    this.#aliases.set(file, alias);
    return `ATTACH ${quoteText(file)} AS ${alias} (TYPE duckdb, READ_ONLY)`;
  }

  #detachSql(file: string): string {
    const sql = `DETACH ${this.#aliases.get(file)}`;
    this.#aliases.delete(file);
    return sql;
  }

  #viewsSql({ file, table, schemas }: Attachment): string[] {
    return schemas.flatMap((schema) => [
      `CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`,
      `CREATE VIEW ${quoteName(schema)}.${quoteName(table)} AS FROM ${this.#aliases.get(file)}.main.data`,
    ]);
  }

  async #serialize(sql: string): Promise<string> {
    const reader = await this.#connection.runAndReadAll("SELECT json_serialize_sql($1::VARCHAR)", [sql]);
    return String(reader.getRows()[0]?.[0]);
  }

  async #configure(settings: Record<string, string>): Promise<void> {
    await this.#connection.run(settingsSql(settings).join(";"));
  }

  async #verify(settings: Record<string, string>): Promise<void> {
    const names = Object.keys(settings);
    const reader = await this.#connection.runAndReadAll(
      `SELECT ${names.map((name) => `current_setting(${quoteText(name)})::VARCHAR`).join(", ")}`,
    );
    const [actual = []] = reader.getRows();
    for (const [index, name] of names.entries())
      if (actual[index] !== settings[name]) throw new Error(`The sandbox is open: ${name} is ${actual[index]}`);
  }

  /** Whether the disk is out of reach is seen by trying. */
  async #verifyNoDisk(): Promise<void> {
    const leak = await this.#connection.run("SELECT 1 FROM glob('/')").then(
      () => "the disk can be read",
      (error: Error) => (error.message.startsWith("Permission Error") ? undefined : error.message),
    );
    if (leak !== undefined) throw new Error(`The sandbox is open: ${leak}`);
  }
}

function settingsSql(settings: Record<string, string>): string[] {
  return Object.entries(settings).map(([name, value]) => `SET ${name} = ${quoteText(value)}`);
}
