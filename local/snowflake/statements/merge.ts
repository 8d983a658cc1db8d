import type { Table } from "../catalog.ts";
import type { Execution, Outcome } from "../execution.ts";
import { STATEMENT } from "../execution.ts";
import { SnowflakeError } from "../snowflake-error.ts";
import { Cursor } from "../sql/cursor.ts";
import { duckName } from "../sql/identifiers.ts";
import { rewrite, rewriteFrom, type Scope } from "../sql/rewrite-query.ts";
import { isWord, type Node, splitAtCommas } from "../sql/token-tree.ts";
import { countResult } from "./insert.ts";
import { assignments, target } from "./update.ts";
import { assignSql, change, defaultSql, endRows, insertRows, presentRows } from "./write-rows.ts";

interface Clause {
  kind: "update" | "delete" | "insert";
  condition: string;
  values: Map<string, string>;
}

/** MERGE INTO target USING source ON … WHEN [NOT] MATCHED [AND …] THEN …: the first clause that fits a row counts. */
export async function merge(execution: Execution, cursor: Cursor): Promise<Outcome> {
  cursor.expect("MERGE", "INTO");
  const { table, alias, scope } = await target(execution, cursor);
  cursor.expect("USING");
  const rest = cursor.rest();
  const on = rest.findIndex((node) => isWord(node, "ON"));
  const when = rest.findIndex((node, at) => at > on && isWord(node, "WHEN"));
  if (on < 0 || when < 0) throw cursor.unexpected();
  const source = rewriteFrom(rest.slice(0, on), scope);
  const condition = rewrite(rest.slice(on + 1, when), scope);
  const clauses = readClauses(rest.slice(when), table, alias, scope);
  const action = clauses.map(({ condition }, at) => `WHEN ${condition} THEN ${at}`).join(" ");
  const columns = table.columns.map((column, at) => {
    const cases = clauses.flatMap(({ kind, condition, values }) => {
      const own = `${duckName(alias)}.${duckName(column.name)}`;
      const value =
        kind === "insert" ? (values.get(column.name) ?? defaultSql(column, scope)) : values.get(column.name);
      if (kind === "delete") return [];
      return [`WHEN ${condition} THEN ${value === undefined ? own : assignSql({ ...column, nullable: true }, value)}`];
    });
    return `${cases.length === 0 ? "NULL" : `CASE ${cases.join(" ")} END`} AS "c${at}"`;
  });
  const found = `SELECT "~row", CASE ${action} END AS "~action", ${columns.join(", ")} FROM ${source} LEFT JOIN ${presentRows(table, alias)} ON ${condition}`;
  const counts = await change(execution, [table], (moment) => apply(execution, table, found, clauses, moment, scope));
  return { result: countResult(counts), statementType: STATEMENT.merge };
}

async function apply(
  execution: Execution,
  table: Table,
  found: string,
  clauses: Clause[],
  moment: number,
  scope: Scope,
): Promise<[string, number][]> {
  const { connection } = execution;
  const numbers = (kind: Clause["kind"]) => clauses.flatMap((clause, at) => (clause.kind === kind ? [at] : []));
  const chosen = (kinds: Clause["kind"][]) => `"~action" IN (${[-1, ...kinds.flatMap(numbers)].join(", ")})`;
  const count = async (kind: Clause["kind"]) =>
    Number(
      (await connection.runAndReadAll(`SELECT count(*) FROM changed WHERE ${chosen([kind])}`)).getRowsJS()[0]?.[0],
    );
  await connection.run(`CREATE OR REPLACE TEMP TABLE changed AS ${found}`);
  const twice = await connection.runAndReadAll(
    `SELECT 1 FROM changed WHERE ${chosen(["update", "delete"])} GROUP BY "~row" HAVING count(*) > 1 LIMIT 1`,
  );
  if (twice.currentRowCount > 0)
    throw new SnowflakeError("100090", "42P18", "Duplicate row detected during DML action");
  const kinds = (["insert", "update", "delete"] as const).filter((kind) => numbers(kind).length > 0);
  const words = { insert: "inserted", update: "updated", delete: "deleted" };
  const counts: [string, number][] = [];
  for (const kind of kinds) counts.push([`number of rows ${words[kind]}`, await count(kind)]);
  await endRows(
    execution,
    table,
    moment,
    `rowid IN (SELECT "~row" FROM changed WHERE ${chosen(["update", "delete"])})`,
  );
  const names = table.columns.map(({ name }) => name);
  const rows = `SELECT ${names.map((_, at) => `"c${at}"`).join(", ")} FROM changed WHERE ${chosen(["insert", "update"])}`;
  await insertRows(execution, table, names, rows, moment, scope);
  await connection.run("DROP TABLE changed");
  return counts;
}

function readClauses(nodes: Node[], table: Table, alias: string, scope: Scope): Clause[] {
  const starts = nodes.flatMap((node, at) =>
    isWord(node, "WHEN") && isWord(nodes[at + 1], "MATCHED", "NOT") ? [at] : [],
  );
  return starts.map((start, index) => {
    const cursor = new Cursor(scope.sql, nodes.slice(start, starts[index + 1]));
    cursor.expect("WHEN");
    const matched = !cursor.take("NOT");
    cursor.expect("MATCHED");
    const rest = cursor.rest();
    const then = rest.findIndex((node) => isWord(node, "THEN"));
    if (then < 0) throw cursor.unexpected();
    const extra = cursor.take("AND") ? ` AND (${rewrite(rest.slice(1, then), scope)})` : "";
    const condition = `(${duckName(alias)}."~row" IS ${matched ? "NOT " : ""}NULL${extra})`;
    const action = new Cursor(scope.sql, rest.slice(then + 1));
    if (matched && action.take("DELETE")) return { kind: "delete", condition, values: new Map() };
    if (matched) {
      action.expect("UPDATE", "SET");
      return { kind: "update", condition, values: assignments(table, action.rest(), scope) };
    }
    action.expect("INSERT");
    const named = isWord(action.peek(), "VALUES") ? undefined : action.group();
    action.expect("VALUES");
    const names =
      named === undefined
        ? table.columns.map(({ name }) => name)
        : splitAtCommas(named.items).map((part) => new Cursor(scope.sql, part).path().at(-1) ?? "");
    const values = splitAtCommas(action.group().items).map((part) => rewrite(part, scope));
    return { kind: "insert", condition, values: new Map(names.map((name, at) => [name, values[at] ?? "NULL"])) };
  });
}
