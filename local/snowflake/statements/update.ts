import type { Table } from "../catalog.ts";
import type { Execution, Outcome } from "../execution.ts";
import { STATEMENT } from "../execution.ts";
import { openScope } from "../scope.ts";
import { invalidIdentifier } from "../snowflake-error.ts";
import { Cursor } from "../sql/cursor.ts";
import { duckName } from "../sql/identifiers.ts";
import { rewrite, rewriteFrom, type Scope } from "../sql/rewrite-query.ts";
import { isWord, type Node, splitAtCommas } from "../sql/token-tree.ts";
import { countResult } from "./insert.ts";
import { assignSql, change, endRows, insertRows, presentRows } from "./write-rows.ts";

/** UPDATE table SET … [FROM …] [WHERE …]: the rows found end, and others begin. */
export async function update(execution: Execution, cursor: Cursor): Promise<Outcome> {
  cursor.expect("UPDATE");
  const { table, alias, scope } = await target(execution, cursor);
  cursor.expect("SET");
  const parts = clauses(cursor.rest(), ["FROM", "WHERE"]);
  const values = assignments(table, parts.get("") ?? [], scope);
  const from = parts.get("FROM");
  const sources = [presentRows(table, alias), ...(from === undefined ? [] : [rewriteFrom(from, scope)])].join(", ");
  const where = parts.has("WHERE") ? ` WHERE ${rewrite(parts.get("WHERE") ?? [], scope)}` : "";
  const rows = table.columns.map((column, at) => {
    const value = values.get(column.name);
    return `${value === undefined ? `${duckName(alias)}.${duckName(column.name)}` : assignSql(column, value)} AS "c${at}"`;
  });
  const found = `SELECT DISTINCT ON ("~row") "~row", ${rows.join(", ")} FROM ${sources}${where}`;
  const count = await replaceRows(execution, table, found, scope);
  return {
    result: countResult([
      ["number of rows updated", count],
      ["number of multi-joined rows updated", 0],
    ]),
    statementType: STATEMENT.update,
  };
}

/** DELETE FROM table [USING …] [WHERE …]. */
export async function deleteRows(execution: Execution, cursor: Cursor): Promise<Outcome> {
  cursor.expect("DELETE", "FROM");
  const { table, alias, scope } = await target(execution, cursor);
  const parts = clauses(cursor.rest(), ["USING", "WHERE"]);
  const using = parts.get("USING");
  const sources = [presentRows(table, alias), ...(using === undefined ? [] : [rewriteFrom(using, scope)])].join(", ");
  const where = parts.has("WHERE") ? ` WHERE ${rewrite(parts.get("WHERE") ?? [], scope)}` : "";
  const count = await change(execution, [table], (moment) =>
    endRows(execution, table, moment, `rowid IN (SELECT "~row" FROM ${sources}${where})`),
  );
  return { result: countResult([["number of rows deleted", count]]), statementType: STATEMENT.delete };
}

/** Reads a table to be changed, with its alias. */
export async function target(
  execution: Execution,
  cursor: Cursor,
): Promise<{ table: Table; alias: string; scope: Scope }> {
  const path = cursor.path();
  const scope = await openScope(execution);
  const table = execution.warehouse.catalog.table(path, execution.session);
  execution.named.add(table);
  const next = cursor.peek();
  const aliased =
    cursor.take("AS") ||
    next?.kind === "quoted" ||
    (next?.kind === "word" && !isWord(next, "SET", "USING", "WHERE", "FROM"));
  return { table, alias: aliased ? cursor.identifier() : table.name, scope };
}

/** Divides nodes at words; what stands before the first is under "". */
export function clauses(nodes: Node[], words: string[]): Map<string, Node[]> {
  const parts = new Map<string, Node[]>();
  let current: Node[] = [];
  parts.set("", current);
  for (const node of nodes) {
    if (node.kind === "word" && words.includes(node.text) && !parts.has(node.text)) {
      current = [];
      parts.set(node.text, current);
    } else current.push(node);
  }
  return parts;
}

/** Reads `column = value, …`; DEFAULT stands for no value. */
export function assignments(table: Table, nodes: Node[], scope: Scope): Map<string, string> {
  return new Map(
    splitAtCommas(nodes).map((part) => {
      const cursor = new Cursor(scope.sql, part);
      const name = cursor.path().at(-1) ?? "";
      cursor.expectSymbol("=");
      if (!table.columns.some((column) => column.name === name)) throw invalidIdentifier(name);
      return [name, isWord(cursor.peek(), "DEFAULT") ? "NULL" : rewrite(cursor.rest(), scope)];
    }),
  );
}

/** Ends the rows that a query names by `~row` and begins those that it gives in `c0`, `c1`, …. */
async function replaceRows(execution: Execution, table: Table, found: string, scope: Scope): Promise<number> {
  const { connection } = execution;
  return change(execution, [table], async (moment) => {
    await connection.run(`CREATE OR REPLACE TEMP TABLE changed AS ${found}`);
    const ended = await endRows(execution, table, moment, 'rowid IN (SELECT "~row" FROM changed)');
    const names = table.columns.map(({ name }) => name);
    await insertRows(
      execution,
      table,
      names,
      `SELECT ${names.map((_, at) => `"c${at}"`).join(", ")} FROM changed`,
      moment,
      scope,
    );
    await connection.run("DROP TABLE changed");
    return ended;
  });
}
