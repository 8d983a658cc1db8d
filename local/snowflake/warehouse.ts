import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { z } from "zod";
import { Catalog, createStored, FROM, storedName, type Table, TO } from "./catalog.ts";
import { Connection } from "./connection.ts";
import { SAMPLE_TABLES, sampleRows } from "./sample-tables.ts";
import { duckName, quoteText } from "./sql/identifiers.ts";
import { macroStatements } from "./sql/macros.ts";

const MEMORY_LIMIT = "1GB";
const DAY_MS = 86_400_000;
const storedObject = z.object({
  id: z.number(),
  kind: z.enum(["DATABASE", "SCHEMA", "TABLE", "VIEW"]),
  database: z.string(),
  schema: z.string(),
  name: z.string(),
  created: z.number(),
  altered: z.number(),
  comment: z.string(),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.object({
        kind: z.enum([
          ...["fixed", "real", "text", "boolean", "date", "time", "variant", "object", "array", "binary"],
          ...["timestamp_ntz", "timestamp_ltz", "timestamp_tz"],
        ] as const),
        precision: z.number().optional(),
        scale: z.number().optional(),
        length: z.number().optional(),
      }),
      nullable: z.boolean(),
      default: z.string().optional(),
      comment: z.string().optional(),
      primaryKey: z.boolean().optional(),
    }),
  ),
  retentionDays: z.number(),
  transient: z.boolean(),
  temporary: z.string().optional(),
  query: z.string().optional(),
  pending: z.string().optional(),
  dropped: z.number().optional(),
});

/** The DuckDB under the stand-in: one file with every version of every row, and the catalog beside them. */
export class Warehouse {
  readonly catalog: Catalog;
  /** Where results and files on their way out are kept; emptied at every start. */
  readonly scratch: string;
  readonly #instance: DuckDBInstance;
  readonly #own: DuckDBConnection;
  readonly #folder: string | undefined;
  #writes: Promise<unknown> = Promise.resolve();
  #lastMoment = 0;

  private constructor(
    instance: DuckDBInstance,
    own: DuckDBConnection,
    catalog: Catalog,
    scratch: string,
    folder?: string,
  ) {
    this.#instance = instance;
    this.#own = own;
    this.catalog = catalog;
    this.scratch = scratch;
    this.#folder = folder;
  }

  /** Opens a folder's data; without a folder the data ends with the process. */
  static async open(dir: string | undefined): Promise<Warehouse> {
    const folder = dir ?? (await mkdtemp(join(tmpdir(), "corral-snowflake-")));
    const scratch = join(folder, "scratch");
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { recursive: true });
    const instance = await DuckDBInstance.create(":memory:", {
      memory_limit: MEMORY_LIMIT,
      threads: "2",
      temp_directory: join(scratch, "spill"),
    });
    const own = await instance.connect();
    // DuckDB takes half a microsecond to unpack a value of 128 bits, as which NUMBER and moments are stored.
    await own.run("SET GLOBAL disabled_compression_methods = 'bitpacking'");
    await own.run(`ATTACH ${quoteText(join(folder, "warehouse.duckdb"))} AS store`);
    for (const statement of macroStatements()) await own.run(statement);
    await own.run('CREATE TABLE IF NOT EXISTS store.main."~objects" (id INTEGER PRIMARY KEY, object VARCHAR)');
    const rows = (await own.runAndReadAll('SELECT object FROM store.main."~objects"')).getRowsJS();
    const objects = rows.map(([json]) => storedObject.parse(JSON.parse(String(json))));
    const catalog = new Catalog(objects, async (object) => {
      await own.run(
        `INSERT OR REPLACE INTO store.main."~objects" VALUES (${object.id}, ${quoteText(JSON.stringify(object))})`,
      );
    });
    const warehouse = new Warehouse(instance, own, catalog, scratch, dir === undefined ? folder : undefined);
    if (catalog.isEmpty) await warehouse.#seed();
    else await warehouse.#purge();
    return warehouse;
  }

  /** A connection whose moments are shown in a time zone. */
  async connect(timeZone: string): Promise<Connection> {
    const connection = await this.#instance.connect();
    await connection.run(`SET TimeZone = ${quoteText(timeZone)}`);
    return new Connection(connection);
  }

  /** Milliseconds since 1970; never before what was written already. */
  now(): number {
    this.#lastMoment = Math.max(Date.now(), this.#lastMoment);
    return this.#lastMoment;
  }

  /** The moment of a change: after everything that anyone has seen so far. */
  nextMoment(): number {
    this.#lastMoment = Math.max(Date.now(), this.#lastMoment + 1);
    return this.#lastMoment;
  }

  /** Runs one change after the other. */
  exclusively<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#writes.then(change);
    this.#writes = result.catch(() => undefined);
    return result;
  }

  /** Resolves once the changes are made that have begun: before that, nobody can tell what a moment shows. */
  async settled(): Promise<void> {
    await this.#writes;
  }

  /** Loads a real table if its first use is now. */
  async load(table: Table): Promise<void> {
    if (table.pending === undefined) return;
    await this.exclusively(async () => {
      const rows = sampleRows(table.pending ?? "");
      if (rows === undefined) return;
      const names = table.columns.map(({ name }) => duckName(name)).join(", ");
      const { pending, ...loaded } = table;
      await this.#own.run("BEGIN");
      try {
        await this.#own.run(createStored(table));
        await this.#own.run(
          `INSERT INTO ${storedName(table)} (${names}, "${FROM}", "${TO}") SELECT *, ${table.created}, NULL FROM (${rows})`,
        );
        await this.catalog.put(loaded);
        await this.#own.run("COMMIT");
      } catch (error) {
        await this.#own.run("ROLLBACK");
        throw error;
      }
      delete table.pending;
    });
  }

  async close(): Promise<void> {
    await this.#writes;
    await this.#own.run("CHECKPOINT store");
    this.#own.closeSync();
    this.#instance.closeSync();
    await rm(this.#folder ?? this.scratch, { recursive: true, force: true });
  }

  /** Forgets what nobody can ask for any more: versions and tables beyond their retention, what sessions left behind. */
  async #purge(): Promise<void> {
    const known = new Set<string>();
    for (const table of this.catalog.all("TABLE", true)) {
      const oldest = this.now() - table.retentionDays * DAY_MS;
      const gone = table.temporary !== undefined || (table.dropped !== undefined && table.dropped < oldest);
      if (gone && table.dropped === undefined) await this.catalog.put({ ...table, dropped: this.now() });
      if (gone || table.pending !== undefined) continue;
      known.add(`t${table.id}`);
      await this.#own.run(`DELETE FROM ${storedName(table)} WHERE "${TO}" < ${oldest}`);
    }
    const stored = await this.#own.runAndReadAll(
      "SELECT table_name FROM duckdb_tables() WHERE database_name = 'store'",
    );
    for (const [name] of stored.getRowsJS()) {
      if (/^t\d+$/.test(String(name)) && !known.has(String(name))) await this.#own.run(`DROP TABLE store.main.${name}`);
    }
  }

  async #seed(): Promise<void> {
    const created = this.now();
    const base = { created, altered: created, comment: "", columns: [], retentionDays: 1, transient: false };
    const place = { database: "CORRAL", schema: "PUBLIC" };
    await this.catalog.put({
      ...base,
      id: this.catalog.nextId(),
      kind: "DATABASE",
      database: "CORRAL",
      schema: "",
      name: "CORRAL",
    });
    await this.catalog.put({ ...base, id: this.catalog.nextId(), kind: "SCHEMA", ...place, name: "PUBLIC" });
    for (const [name, { columns, comment }] of Object.entries(SAMPLE_TABLES)) {
      if (sampleRows(name) === undefined) continue;
      await this.catalog.put({
        ...base,
        id: this.catalog.nextId(),
        kind: "TABLE",
        ...place,
        name,
        columns,
        comment,
        pending: name,
      });
    }
  }
}
