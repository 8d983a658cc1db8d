import { syntaxError, unsupported } from "../snowflake-error.ts";
import { Cursor } from "./cursor.ts";
import type { Argument } from "./functions.ts";
import { duckName } from "./identifiers.ts";
import { RESERVED } from "./keywords.ts";
import { rewrite, rewriteFrom, type Scope } from "./rewrite-query.ts";
import { type Group, isGroup, isWord, type Node, splitAtCommas } from "./token-tree.ts";
import { placeOf } from "./tokenize.ts";

const NO_ALIAS = new Set(
  "SAMPLE TABLESAMPLE PIVOT UNPIVOT AT BEFORE CHANGES MATCH_RECOGNIZE WINDOW LIMIT OFFSET FETCH ASOF EXCEPT MINUS START".split(
    " ",
  ),
);

/** Translates one table of a FROM clause, with its moment, alias and sample; says how many nodes that took. */
export function rewriteFactor(nodes: Node[], scope: Scope): { sql: string; taken: number } {
  const cursor = new Cursor(scope.sql, nodes);
  const lateral = cursor.take("LATERAL") ? "LATERAL " : "";
  const source = readSource(cursor, scope, lateral !== "");
  const alias = readAlias(cursor) ?? source.name;
  const columns = alias !== undefined && isGroup(cursor.peek()) ? cursor.takeGroup() : undefined;
  const sample = readSample(cursor, scope);
  const names =
    columns === undefined
      ? source.columns
      : splitAtCommas(columns.items).map((part) => new Cursor(scope.sql, part).identifier());
  const list = names === undefined ? "" : `(${names.map(duckName).join(", ")})`;
  const named = alias === undefined ? (list === "" ? "" : ` AS t${list}`) : ` AS ${duckName(alias)}${list}`;
  return { sql: `${lateral}${source.sql}${named}${sample}`, taken: cursor.at };
}

interface Source {
  sql: string;
  name?: string;
  columns?: string[];
}

function readSource(cursor: Cursor, scope: Scope, lateral: boolean): Source {
  const group = cursor.takeGroup();
  if (group !== undefined) return readGroup(group, scope);
  if (cursor.take("VALUES")) {
    const rows: Group[] = [];
    do rows.push(cursor.group());
    while (isComma(cursor) && cursor.takeSymbol(","));
    return valuesSource(rows, scope);
  }
  if (isWord(cursor.peek(), "TABLE") && isGroup(cursor.peek(1))) {
    cursor.take("TABLE");
    const inner = new Cursor(scope.sql, cursor.group().items);
    return readFunction(inner, scope);
  }
  if (cursor.peek()?.kind === "string" && cursor.peek() !== undefined) throw unsupported("STAGE FILES AS TABLES");
  if (lateral || isWord(cursor.peek(), "FLATTEN")) return readFunction(cursor, scope);
  const path = readPath(cursor);
  const name = path.at(-1) ?? "";
  const travel = readTravel(cursor);
  if (isWord(cursor.peek(), "CHANGES") && isGroup(cursor.peek(1))) throw unsupported("CHANGES");
  if (path.length === 1 && travel === undefined && scope.commonTables.has(name)) return { sql: duckName(name) };
  return { sql: scope.table(path, travel), name };
}

const isComma = (cursor: Cursor) => cursor.peek()?.kind === "symbol" && isGroup(cursor.peek(1));

function readGroup(group: Group, scope: Scope): Source {
  const first = group.items[0];
  if (isWord(first, "VALUES")) return readSource(new Cursor(scope.sql, group.items), scope, false);
  if (isWord(first, "SELECT", "WITH") || (isGroup(first) && holdsQuery(first)))
    return { sql: `(${rewrite(group.items, scope)})` };
  return { sql: `(${rewriteFrom(group.items, scope)})` };
}

const holdsQuery = (group: Group): boolean => {
  const first = group.items[0];
  return isWord(first, "SELECT", "WITH") || (isGroup(first) && holdsQuery(first));
};

/** Rows of VALUES; the columns are COLUMN1, COLUMN2, …. */
export function valuesSource(rows: Group[], scope: Scope): Source {
  const width = splitAtCommas(rows[0]?.items ?? []).length;
  const body = rows.map(
    (row) =>
      `(${splitAtCommas(row.items)
        .map((one) => rewrite(one, scope))
        .join(", ")})`,
  );
  return { sql: `(VALUES ${body.join(", ")})`, columns: Array.from({ length: width }, (_, at) => `COLUMN${at + 1}`) };
}

function readPath(cursor: Cursor): string[] {
  const path = cursor.path();
  if (path.length === 2 && path[0] === "IDENTIFIER") throw cursor.unexpected();
  return path;
}

function readFunction(cursor: Cursor, scope: Scope): Source {
  const path = cursor.path();
  const args = splitAtCommas(cursor.group().items).map(
    (nodes): Argument => ({ nodes, sql: argumentSql(nodes, scope) }),
  );
  const sql = scope.tableFunction(path, args);
  if (sql === undefined) throw unsupported(`the table function ${path.join(".")}`);
  return { sql, name: path.at(-1) ?? "" };
}

/** The value of an argument, without the name before `=>`. */
function argumentSql(nodes: Node[], scope: Scope): string {
  const arrow = nodes.findIndex((node) => node.kind === "symbol" && node.text === "=>");
  return rewrite(nodes.slice(arrow + 1), scope);
}

function readTravel(cursor: Cursor): { before: boolean; group: Group } | undefined {
  if (!isWord(cursor.peek(), "AT", "BEFORE") || !isGroup(cursor.peek(1))) return undefined;
  const before = isWord(cursor.peek(), "BEFORE");
  cursor.at += 1;
  return { before, group: cursor.group() };
}

function readAlias(cursor: Cursor): string | undefined {
  if (cursor.take("AS")) return cursor.identifier();
  const node = cursor.peek();
  if (node?.kind === "quoted") return cursor.identifier();
  if (node?.kind !== "word" || RESERVED.has(node.text) || NO_ALIAS.has(node.text)) return undefined;
  return cursor.identifier();
}

/** SAMPLE [method] (n [ROWS]) [SEED (n)]; https://docs.snowflake.com/en/sql-reference/constructs/sample */
function readSample(cursor: Cursor, scope: Scope): string {
  if (!cursor.take("SAMPLE") && !cursor.take("TABLESAMPLE")) return "";
  const block = cursor.take("SYSTEM") || cursor.take("BLOCK");
  if (!block) cursor.take("BERNOULLI") || cursor.take("ROW");
  const [count, unit] = cursor.group().items;
  if (count?.kind !== "number") throw syntaxError("SAMPLE", placeOf(scope.sql, count?.at ?? 0));
  const seeded = cursor.take("SEED") || cursor.take("REPEATABLE");
  const seed = seeded ? ` REPEATABLE (${new Cursor(scope.sql, cursor.group().items).integer()})` : "";
  if (isWord(unit, "ROWS")) return ` TABLESAMPLE reservoir(${count.text} ROWS)${seed}`;
  return ` TABLESAMPLE ${block ? "system" : "bernoulli"}(${count.text} PERCENT)${seed}`;
}
