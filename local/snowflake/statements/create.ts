import type { Execution } from "../execution.ts";
import { describe } from "../run-query.ts";
import { openScope } from "../scope.ts";
import { noDatabase, objectExists, unsupported } from "../snowflake-error.ts";
import { Cursor } from "../sql/cursor.ts";
import { printName } from "../sql/identifiers.ts";
import { rewrite } from "../sql/rewrite-query.ts";
import { splitAtCommas } from "../sql/token-tree.ts";
import { createTable, readOptions } from "./create-table.ts";

/** CREATE [OR REPLACE] … {DATABASE | SCHEMA | TABLE | VIEW}. */
export async function create(execution: Execution, cursor: Cursor): Promise<string> {
  cursor.expect("CREATE");
  const replace = cursor.take("OR", "REPLACE");
  if (!cursor.take("LOCAL")) cursor.take("GLOBAL");
  const temporary = cursor.take("TEMPORARY") || cursor.take("TEMP") || cursor.take("VOLATILE");
  const transient = cursor.take("TRANSIENT");
  cursor.take("SECURE");
  if (cursor.take("TABLE")) return createTable(execution, cursor, { replace, temporary, transient });
  if (cursor.take("VIEW")) return createView(execution, cursor, replace);
  if (cursor.take("DATABASE")) return createPlace(execution, cursor, "DATABASE", replace);
  if (cursor.take("SCHEMA")) return createPlace(execution, cursor, "SCHEMA", replace);
  throw unsupported(`CREATE ${cursor.done ? "" : cursor.identifier()}`);
}

async function createPlace(
  execution: Execution,
  cursor: Cursor,
  kind: "DATABASE" | "SCHEMA",
  replace: boolean,
): Promise<string> {
  const { warehouse, session } = execution;
  const { catalog } = warehouse;
  const keep = cursor.take("IF", "NOT", "EXISTS");
  const [name = "", above] = cursor.path().toReversed();
  const { comment = "", retentionDays = 1 } = readOptions(cursor);
  const database = kind === "DATABASE" ? name : (above ?? session.database);
  if (database === undefined) throw noDatabase("CREATE SCHEMA");
  const present = kind === "DATABASE" ? catalog.database(name) : catalog.schema(database, name);
  if (present !== undefined && keep) return `${printName(name)} already exists, statement succeeded.`;
  if (present !== undefined && !replace) throw objectExists(printName(name));
  if (present !== undefined) throw unsupported(`OR REPLACE ${kind}`);
  const created = warehouse.now();
  const base = { created, altered: created, comment, columns: [], retentionDays, transient: false, database };
  if (kind === "DATABASE") {
    await catalog.put({ ...base, id: catalog.nextId(), kind, schema: "", name });
    await catalog.put({ ...base, id: catalog.nextId(), kind: "SCHEMA", schema: "PUBLIC", name: "PUBLIC" });
    session.database = name;
    session.schema = "PUBLIC";
  } else {
    await catalog.put({ ...base, id: catalog.nextId(), kind, schema: name, name });
    session.database = database;
    session.schema = name;
  }
  return `${kind === "DATABASE" ? "Database" : "Schema"} ${printName(name)} successfully created.`;
}

async function createView(execution: Execution, cursor: Cursor, replace: boolean): Promise<string> {
  const { warehouse, session, sql } = execution;
  const keep = cursor.take("IF", "NOT", "EXISTS");
  const path = cursor.path();
  const { place, present } = warehouse.catalog.vacancy(path, session, replace ? "replace" : keep ? "keep" : "refuse");
  if (present !== undefined && keep) return `${printName(place.name)} already exists, statement succeeded.`;
  const listed = cursor.takeGroup();
  const names = listed && splitAtCommas(listed.items).map((part) => new Cursor(sql, part).identifier());
  const { comment = "" } = readOptions(cursor);
  cursor.expect("AS");
  const body = cursor.rest();
  let query = sql.slice(body[0]?.at, body.at(-1)?.end);
  if (names !== undefined) {
    const list = names.map((name) => `"${name.replaceAll('"', '""')}"`).join(", ");
    query = `SELECT * FROM (${query}) AS "v" (${list})`;
  }
  const translated = rewrite(body, await openScope(execution));
  const found = await describe(execution.connection, translated);
  const columns = found.map(({ name, type }, at) => ({ name: names?.[at] ?? name, type, nullable: true }));
  const created = warehouse.now();
  if (present !== undefined) await warehouse.catalog.put({ ...present, dropped: created });
  const base = { created, altered: created, comment, columns, retentionDays: 0, transient: false };
  await warehouse.catalog.put({ ...base, ...place, id: warehouse.catalog.nextId(), kind: "VIEW", query });
  return `View ${printName(place.name)} successfully created.`;
}
