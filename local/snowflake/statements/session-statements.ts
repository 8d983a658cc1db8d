import type { Execution } from "../execution.ts";
import { openScope } from "../scope.ts";
import { ROLES } from "../sessions.ts";
import { cannotOperate, SnowflakeError } from "../snowflake-error.ts";
import type { Cursor } from "../sql/cursor.ts";
import { printName, quoteText } from "../sql/identifiers.ts";
import { rewrite } from "../sql/rewrite-query.ts";
import { isSymbol, type Node, splitAtCommas } from "../sql/token-tree.ts";

const DONE = "Statement executed successfully.";

/** USE [DATABASE | SCHEMA | WAREHOUSE | ROLE | SECONDARY ROLES] name. */
export function use({ session, warehouse }: Execution, cursor: Cursor): string {
  cursor.expect("USE");
  if (cursor.take("SECONDARY", "ROLES")) return DONE;
  if (cursor.take("WAREHOUSE")) session.warehouse = cursor.identifier();
  else if (cursor.take("ROLE")) {
    const role = cursor.identifier();
    if (!ROLES.has(role)) throw cannotOperate();
    session.role = role;
  } else {
    const kind = cursor.take("DATABASE") ? "DATABASE" : cursor.take("SCHEMA") ? "SCHEMA" : undefined;
    const path = cursor.path();
    const [last = "", before] = path.toReversed();
    const database =
      kind === "DATABASE" || (kind === undefined && before === undefined) ? last : (before ?? session.database);
    const schema = kind === "DATABASE" || (kind === undefined && before === undefined) ? "PUBLIC" : last;
    if (database === undefined || warehouse.catalog.database(database) === undefined) throw cannotOperate();
    if (
      kind !== "DATABASE" &&
      path.length + (kind === "SCHEMA" ? 1 : 0) > 1 &&
      warehouse.catalog.schema(database, schema) === undefined
    )
      throw cannotOperate();
    session.database = database;
    session.schema = warehouse.catalog.schema(database, schema) === undefined ? undefined : schema;
  }
  cursor.expectEnd();
  return DONE;
}

/** ALTER SESSION SET name = value … | UNSET name, …. */
export function alterSession({ session }: Execution, cursor: Cursor): string {
  cursor.expect("ALTER", "SESSION");
  if (cursor.take("UNSET")) {
    do session.parameters.unset(cursor.identifier());
    while (cursor.takeSymbol(","));
    cursor.expectEnd();
    return DONE;
  }
  cursor.expect("SET");
  while (!cursor.done) {
    const name = cursor.identifier();
    cursor.expectSymbol("=");
    session.parameters.set(name, readValue(cursor));
    cursor.takeSymbol(",");
  }
  return DONE;
}

/** A literal, or a word such as TRUE. */
export function readValue(cursor: Cursor): string | number | boolean {
  const node = cursor.peek();
  if (node === undefined || node.kind === "group") throw cursor.unexpected();
  cursor.at += 1;
  if (isSymbol(node, "-")) return -cursor.integer();
  if (node.kind === "number") return Number(node.text);
  if (node.kind === "word" && (node.text === "TRUE" || node.text === "FALSE")) return node.text === "TRUE";
  return node.text;
}

/** SET name = expression, or SET (a, b) = (x, y). */
export async function setVariables(execution: Execution, cursor: Cursor): Promise<string> {
  cursor.expect("SET");
  const names = cursor.takeGroup();
  const list =
    names === undefined
      ? [cursor.identifier()]
      : names.items.flatMap((node) => (node.kind === "word" ? [node.text] : []));
  cursor.expectSymbol("=");
  const scope = await openScope(execution);
  const values: Node[][] = names === undefined ? [cursor.rest()] : splitAtCommas(cursor.group().items);
  for (const [at, name] of list.entries()) {
    const sql = rewrite(values[at] ?? [], scope);
    const rows = await execution.connection.runAndReadAll(`SELECT typeof(v), sf_text(v) FROM (SELECT ${sql} AS v)`);
    const [type, text] = (rows.getRowsJS()[0] ?? []).map(String);
    const numeric = /^(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|DECIMAL|DOUBLE|BOOLEAN)/.test(type ?? "");
    execution.session.variables.set(name, numeric ? (text ?? "NULL") : quoteText(text ?? ""));
  }
  return DONE;
}

export function unsetVariables({ session }: Execution, cursor: Cursor): string {
  cursor.expect("UNSET");
  const name = cursor.identifier();
  if (!session.variables.delete(name))
    throw new SnowflakeError(
      "002211",
      "02000",
      `SQL compilation error:\nSession variable '${printName(name)}' does not exist`,
    );
  return DONE;
}
