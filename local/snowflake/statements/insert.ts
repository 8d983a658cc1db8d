import type { Execution, Outcome } from "../execution.ts";
import { STATEMENT } from "../execution.ts";
import { smallResult } from "../result-writer.ts";
import { describe } from "../run-query.ts";
import { openScope } from "../scope.ts";
import { SnowflakeError, unsupported } from "../snowflake-error.ts";
import type { Cursor } from "../sql/cursor.ts";
import { Cursor as Reader } from "../sql/cursor.ts";
import { rewrite } from "../sql/rewrite-query.ts";
import { type Group, isWord, type Node, splitAtCommas } from "../sql/token-tree.ts";
import { change, defaultSql, endRows, insertRows } from "./write-rows.ts";

/** INSERT [OVERWRITE] INTO table [(columns)] {VALUES … | query}. */
export async function insert(execution: Execution, cursor: Cursor): Promise<Outcome> {
  cursor.expect("INSERT");
  const overwrite = cursor.take("OVERWRITE");
  if (isWord(cursor.peek(), "ALL", "FIRST")) throw unsupported("MULTI-TABLE INSERT");
  cursor.expect("INTO");
  const path = cursor.path();
  const scope = await openScope(execution);
  const table = execution.warehouse.catalog.table(path, execution.session);
  const named = isColumnList(cursor.peek()) ? cursor.group() : undefined;
  const names =
    named === undefined
      ? table.columns.map(({ name }) => name)
      : splitAtCommas(named.items).map((part) => new Reader(execution.sql, part).identifier());
  let source: string;
  if (isWord(cursor.peek(), "VALUES")) {
    cursor.take("VALUES");
    const rows: Group[] = [];
    do rows.push(cursor.group());
    while (cursor.takeSymbol(","));
    cursor.expectEnd();
    const body = rows.map((row) => {
      const values = splitAtCommas(row.items);
      checkWidth(names.length, values.length);
      return `(${values.map((value, at) => valueSql(value, names[at])).join(", ")})`;
    });
    source = `VALUES ${body.join(", ")}`;
  } else {
    source = rewrite(cursor.rest(), scope);
    checkWidth(names.length, (await describe(execution.connection, source)).length);
  }
  function valueSql(value: Node[], name: string | undefined): string {
    const column = table.columns.find((one) => one.name === name);
    if (value.length === 1 && isWord(value[0], "DEFAULT") && column !== undefined) return defaultSql(column, scope);
    return rewrite(value, scope);
  }
  const rows = await change(execution, [table], async (moment) => {
    if (overwrite) await endRows(execution, table, moment, "true");
    return insertRows(execution, table, names, source, moment, scope);
  });
  return { result: countResult([["number of rows inserted", rows]]), statementType: STATEMENT.insert };
}

function isColumnList(node: Node | undefined): boolean {
  return (
    node?.kind === "group" && !isWord(node.items[0], "SELECT", "WITH", "VALUES") && node.items[0]?.kind !== "group"
  );
}

function checkWidth(expected: number, got: number): void {
  if (expected === got) return;
  throw new SnowflakeError(
    "002020",
    "21S01",
    `SQL compilation error:\nInsert value list does not match column list expecting ${expected} but got ${got}`,
  );
}

/** What a change answers with: how many rows of each kind. */
export function countResult(counts: [name: string, rows: number][]) {
  const columns = counts.map(([name]) => ({
    name,
    type: { kind: "fixed" as const, precision: 19, scale: 0 },
    nullable: false,
  }));
  return smallResult(columns, [counts.map(([, rows]) => String(rows))]);
}
