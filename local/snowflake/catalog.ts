import { type ColumnType, duckType } from "./column-type.ts";
import { cannotOperate, noDatabase, noSuchObject, objectExists } from "./snowflake-error.ts";
import { duckName, printName } from "./sql/identifiers.ts";

export interface Column {
  name: string;
  type: ColumnType;
  nullable: boolean;
  /** Snowflake SQL of the default. */
  default?: string;
  comment?: string;
  primaryKey?: boolean;
}

export interface CatalogObject {
  id: number;
  kind: "DATABASE" | "SCHEMA" | "TABLE" | "VIEW";
  database: string;
  schema: string;
  /** Of databases and schemas their own name, again. */
  name: string;
  /** Milliseconds since 1970. */
  created: number;
  altered: number;
  comment: string;
  columns: Column[];
  retentionDays: number;
  transient: boolean;
  /** The session that a temporary table ends with. */
  temporary?: string;
  /** The query of a view. */
  query?: string;
  /** The real table that its first use loads. */
  pending?: string;
  dropped?: number;
}

export type Table = CatalogObject;

/** Names of the columns that say from which moment until before which one a row is there. */
export const FROM = "~from";
export const TO = "~to";

/** Where names are looked up that are not qualified. */
export interface Namespace {
  database: string | undefined;
  schema: string | undefined;
  session: string;
}

/** The databases, schemas, tables and views; who changes it writes it down through `save`. */
export class Catalog {
  readonly #objects = new Map<number, CatalogObject>();
  readonly #save: (object: CatalogObject) => Promise<void>;
  #lastId = 0;

  constructor(objects: CatalogObject[], save: (object: CatalogObject) => Promise<void>) {
    this.#save = save;
    for (const object of objects) this.#objects.set(object.id, object);
    this.#lastId = Math.max(0, ...this.#objects.keys());
  }

  get isEmpty(): boolean {
    return this.#objects.size === 0;
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  async put(object: CatalogObject): Promise<void> {
    await this.#save(object);
    this.#objects.set(object.id, object);
  }

  all(kind: CatalogObject["kind"], includeDropped = false): CatalogObject[] {
    const found = [...this.#objects.values()].filter(
      (one) => one.kind === kind && (includeDropped || one.dropped === undefined),
    );
    return found.sort(
      (a, b) => compare(a.database, b.database) || compare(a.schema, b.schema) || compare(a.name, b.name),
    );
  }

  /** Tables and views that a session sees. */
  relations(session: string): Table[] {
    return [...this.all("TABLE"), ...this.all("VIEW")].filter(
      ({ temporary }) => temporary === undefined || temporary === session,
    );
  }

  database(name: string): CatalogObject | undefined {
    return this.all("DATABASE").find((one) => one.name === name);
  }

  schema(database: string, name: string): CatalogObject | undefined {
    return this.all("SCHEMA").find((one) => one.database === database && one.name === name);
  }

  /** A path completed by the session's database and schema. */
  qualify(path: string[], { database, schema }: Namespace): { database: string; schema: string; name: string } {
    const [name = "", inSchema, inDatabase] = path.toReversed();
    const db = inDatabase ?? database;
    const sc = inSchema ?? schema;
    if (db === undefined || sc === undefined) throw noDatabase("SELECT");
    return { database: db, schema: sc, name };
  }

  find(path: string[], namespace: Namespace): Table | undefined {
    const wanted = this.qualify(path, namespace);
    const same = this.relations(namespace.session).filter(
      (one) => one.name === wanted.name && one.schema === wanted.schema && one.database === wanted.database,
    );
    return same.find((one) => one.temporary !== undefined) ?? same[0];
  }

  relation(path: string[], namespace: Namespace): Table {
    const { database, schema } = this.qualify(path, namespace);
    if (this.database(database) === undefined) throw noSuchObject("Database", printName(database));
    if (this.schema(database, schema) === undefined)
      throw noSuchObject("Schema", [database, schema].map(printName).join("."));
    const found = this.find(path, namespace);
    if (found === undefined) throw noSuchObject("Object", path.map(printName).join("."));
    return found;
  }

  /** A table that rows may be written into. */
  table(path: string[], namespace: Namespace): Table {
    const found = this.relation(path, namespace);
    if (found.kind !== "TABLE") throw cannotOperate();
    return found;
  }

  /** Where a new object of that name goes; refused when there is one and it is not to be replaced. */
  vacancy(path: string[], namespace: Namespace, existing: "refuse" | "keep" | "replace") {
    const place = this.qualify(path, namespace);
    if (this.database(place.database) === undefined) throw noSuchObject("Database", printName(place.database));
    if (this.schema(place.database, place.schema) === undefined)
      throw noSuchObject("Schema", [place.database, place.schema].map(printName).join("."));
    const present = this.find(path, namespace);
    if (present !== undefined && existing === "refuse") throw objectExists(path.map(printName).join("."));
    return { place, present };
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** The DuckDB table behind a table. */
export const storedName = (table: Pick<CatalogObject, "id">) => `store.main.t${table.id}`;

export function createStored(table: CatalogObject): string {
  const columns = table.columns.map(({ name, type }) => `${duckName(name)} ${duckType(type)}`);
  return `CREATE TABLE ${storedName(table)} (${[...columns, `"${FROM}" BIGINT`, `"${TO}" BIGINT`].join(", ")})`;
}

/** The rows as of now, or as of a moment. */
export function rowsSql(table: Table, moment?: { at: number } | { before: number }): string {
  const columns = table.columns.map(({ name }) => duckName(name)).join(", ");
  return `SELECT ${columns} FROM ${storedName(table)} WHERE ${presentSql(moment)}`;
}

export function presentSql(moment?: { at: number } | { before: number }): string {
  if (moment === undefined) return `"${TO}" IS NULL`;
  if ("at" in moment) return `"${FROM}" <= ${moment.at} AND ("${TO}" IS NULL OR "${TO}" > ${moment.at})`;
  return `"${FROM}" < ${moment.before} AND ("${TO}" IS NULL OR "${TO}" >= ${moment.before})`;
}
