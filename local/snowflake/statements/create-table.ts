import { type CatalogObject, type Column, createStored, storedName, type Table } from "../catalog.ts";
import type { Execution } from "../execution.ts";
import { describe } from "../run-query.ts";
import { openScope } from "../scope.ts";
import { SnowflakeError, unsupported } from "../snowflake-error.ts";
import { typeIn } from "../sql/cast.ts";
import { Cursor } from "../sql/cursor.ts";
import { printName } from "../sql/identifiers.ts";
import { rewrite, type Scope } from "../sql/rewrite-query.ts";
import { type Group, isGroup, isSymbol, isWord, type Node, splitAtCommas } from "../sql/token-tree.ts";
import { readValue } from "./session-statements.ts";
import { change, insertRows } from "./write-rows.ts";

export interface CreateHead {
  replace: boolean;
  transient: boolean;
  temporary: boolean;
}

/** CREATE … TABLE [IF NOT EXISTS] name [(columns)] [options] [AS query | LIKE table | CLONE table [AT …]]. */
export async function createTable(execution: Execution, cursor: Cursor, head: CreateHead): Promise<string> {
  const keep = cursor.take("IF", "NOT", "EXISTS");
  const path = cursor.path();
  const { warehouse, session } = execution;
  const { place, present } = warehouse.catalog.vacancy(
    path,
    session,
    head.replace ? "replace" : keep ? "keep" : "refuse",
  );
  if (present !== undefined && keep) return `${printName(place.name)} already exists, statement succeeded.`;
  const scope = await openScope(execution);
  const copied = cursor.take("LIKE") ? "LIKE" : cursor.take("CLONE") ? "CLONE" : undefined;
  const original = copied === undefined ? undefined : cursor.path();
  const travel = original !== undefined && isWord(cursor.peek(), "AT", "BEFORE") ? readTravel(cursor) : undefined;
  const listed = cursor.takeGroup();
  const options = readOptions(cursor);
  const query = cursor.take("AS") ? rewrite(unwrap(cursor.rest()), scope) : undefined;
  if (query === undefined) cursor.expectEnd();
  let columns = listed === undefined ? [] : readColumns(listed, scope);
  if (original !== undefined) columns = warehouse.catalog.relation(original, session).columns;
  if (query !== undefined) columns = mergeColumns(columns, await describe(execution.connection, query));
  if (columns.length === 0)
    throw new SnowflakeError("001003", "42000", "SQL compilation error:\nsyntax error: a table needs columns.");
  const created = warehouse.now();
  const table: Table = {
    ...place,
    ...{ id: warehouse.catalog.nextId(), kind: "TABLE", created, altered: created, columns, transient: head.transient },
    comment: options.comment ?? "",
    retentionDays: options.retentionDays ?? 1,
    ...(head.temporary ? { temporary: session.id } : {}),
  };
  const source =
    copied === "CLONE" && original !== undefined ? `SELECT * FROM ${scope.table(original, travel)}` : query;
  await change(execution, [table], async (moment) => {
    table.created = source === undefined ? table.created : moment;
    await execution.connection.run(createStored(table));
    if (source === undefined) return;
    await insertRows(
      execution,
      table,
      columns.map(({ name }) => name),
      source,
      moment,
      scope,
    );
  });
  if (present !== undefined) await warehouse.catalog.put({ ...present, dropped: warehouse.now() });
  await warehouse.catalog.put(table);
  return `Table ${printName(place.name)} successfully created.`;
}

function readTravel(cursor: Cursor): { before: boolean; group: Group } {
  const before = cursor.take("BEFORE");
  if (!before) cursor.expect("AT");
  return { before, group: cursor.group() };
}

const unwrap = (nodes: Node[]): Node[] => {
  const [only, more] = nodes;
  return isGroup(only) && more === undefined ? only.items : nodes;
};

/** The columns of the query under the names and types that the statement lists. */
function mergeColumns(listed: Column[], found: { name: string; type: Column["type"] }[]): Column[] {
  if (listed.length > 0 && listed.length !== found.length)
    throw new SnowflakeError("002025", "21S01", `SQL compilation error:\nInvalid column definition list`);
  return found.map(({ name, type }, at) => listed[at] ?? { name, type, nullable: true });
}

/** Reads columns and constraints; of the constraints NOT NULL counts, and keys are noted. */
export function readColumns(group: Group, scope: Scope): Column[] {
  const columns: Column[] = [];
  const keys: string[] = [];
  for (const part of splitAtCommas(group.items)) {
    const cursor = new Cursor(scope.sql, part);
    if (isConstraint(cursor)) {
      if (cursor.take("CONSTRAINT")) cursor.identifier();
      if (cursor.take("PRIMARY", "KEY"))
        keys.push(
          ...cursor
            .group()
            .items.flatMap((node) => (node.kind === "word" || node.kind === "quoted" ? [node.text] : [])),
        );
    } else columns.push(readColumn(cursor, scope));
  }
  const names = new Set<string>();
  for (const { name } of columns) {
    if (names.has(name))
      throw new SnowflakeError("002025", "42S21", `SQL compilation error:\nduplicate column name '${name}'`);
    names.add(name);
  }
  return columns.map((column) =>
    keys.includes(column.name) ? { ...column, primaryKey: true, nullable: false } : column,
  );
}

const isConstraint = (cursor: Cursor) =>
  isWord(cursor.peek(), "CONSTRAINT") ||
  (isWord(cursor.peek(), "PRIMARY", "FOREIGN") && isWord(cursor.peek(1), "KEY")) ||
  (isWord(cursor.peek(), "UNIQUE") && isGroup(cursor.peek(1)));

export function readColumn(cursor: Cursor, scope: Scope): Column {
  const column: Column = { name: cursor.identifier(), type: typeIn(cursor, scope), nullable: true };
  while (!cursor.done) {
    if (cursor.take("NOT", "NULL")) column.nullable = false;
    else if (cursor.take("NULL")) column.nullable = true;
    else if (cursor.take("PRIMARY", "KEY")) Object.assign(column, { primaryKey: true, nullable: false });
    else if (cursor.take("UNIQUE")) continue;
    else if (cursor.take("COMMENT")) column.comment = cursor.string();
    else if (cursor.take("COLLATE")) cursor.string();
    else if (cursor.take("DEFAULT")) column.default = readDefault(cursor);
    else if (isWord(cursor.peek(), "AUTOINCREMENT", "IDENTITY")) throw unsupported("AUTOINCREMENT");
    else throw cursor.unexpected();
  }
  return column;
}

function readDefault(cursor: Cursor): string {
  const rest = cursor.rest();
  const stop = rest.findIndex((node, at) => at > 0 && isWord(node, "NOT", "NULL", "COMMENT", "PRIMARY", "UNIQUE"));
  const taken = rest.slice(0, stop < 0 ? rest.length : stop);
  cursor.at += taken.length;
  return cursor.sql.slice(taken[0]?.at, taken.at(-1)?.end);
}

/** Options of tables that matter here; others are read and left. */
export function readOptions(cursor: Cursor): { comment?: string; retentionDays?: number } {
  const options: { comment?: string; retentionDays?: number } = {};
  while (!cursor.done && !isWord(cursor.peek(), "AS")) {
    if (cursor.take("CLUSTER", "BY")) {
      cursor.group();
      continue;
    }
    if (cursor.take("COPY", "GRANTS")) continue;
    const name = cursor.identifier();
    if (!isSymbol(cursor.peek(), "=")) throw cursor.unexpected();
    cursor.takeSymbol("=");
    const value = readValue(cursor);
    if (name === "COMMENT") options.comment = String(value);
    else if (name === "DATA_RETENTION_TIME_IN_DAYS") options.retentionDays = Number(value);
  }
  return options;
}

/** The rows of a table that is gone for good. */
export const dropStored = (table: Pick<CatalogObject, "id">) => `DROP TABLE IF EXISTS ${storedName(table)}`;
