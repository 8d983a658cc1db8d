import type { ColumnType } from "../column-type.ts";
import { unknownFunction } from "../snowflake-error.ts";
import { castSql, typeIn } from "./cast.ts";
import { Cursor } from "./cursor.ts";
import { datePart, partSql } from "./date-parts.ts";
import { type Argument, callSql, MOMENT_FUNCTIONS, ORDER_MARK } from "./functions.ts";
import { duckName } from "./identifiers.ts";
import { BARE_FUNCTIONS, RESERVED } from "./keywords.ts";
import { operand, type Piece } from "./pieces.ts";
import { rewrite, type Scope } from "./rewrite-query.ts";
import { type Group, isGroup, isSymbol, isWord, type Node, splitAtCommas } from "./token-tree.ts";

const OF_THEIR_ARGUMENTS = ["MIN", "MAX", "COALESCE", "NVL"];

/** Translates a call and what of the following nodes belongs to it; tells how many of these that are. */
export function rewriteCall(
  name: string,
  group: Group,
  following: Node[],
  scope: Scope,
): { piece: Piece; taken: number } {
  if (name === "CAST" || name === "TRY_CAST") {
    const as = group.items.findLastIndex((node) => isWord(node, "AS"));
    const type = typeIn(new Cursor(scope.sql, group.items.slice(as + 1)), scope);
    return { piece: castPiece(rewrite(group.items.slice(0, as), scope), type, name === "TRY_CAST"), taken: 0 };
  }
  const from = group.items.findIndex((node) => isWord(node, "FROM", "IN"));
  if (name === "EXTRACT" && from > 0) {
    const unit = group.items[0];
    const value = rewrite(group.items.slice(from + 1), scope);
    return { piece: operand(partSql(datePart(unit?.kind === "group" ? "" : (unit?.text ?? "")), value)), taken: 0 };
  }
  const divided =
    name === "POSITION" && from > 0
      ? [group.items.slice(0, from), group.items.slice(from + 1)]
      : splitAtCommas(isWord(group.items[0], "DISTINCT") ? group.items.slice(1) : group.items);
  const args: Argument[] = divided.map((nodes) => ({ nodes, sql: argumentSql(nodes, scope) }));
  const called = callSql(name, args, scope);
  if (called === undefined) throw unknownFunction(name);
  const order = called.includes(ORDER_MARK) ? orderSql(following, scope) : { sql: "", taken: 0 };
  let sql = called.replace(ORDER_MARK, order.sql);
  if (isWord(group.items[0], "DISTINCT")) sql = sql.replace("(", "(DISTINCT ");
  const windows = windowsSql(following.slice(order.taken), scope);
  const isMoment =
    MOMENT_FUNCTIONS.has(name) ||
    (OF_THEIR_ARGUMENTS.includes(name) && args.some((one) => hasMoment(one.nodes, scope)));
  return { piece: operand(sql + windows.sql, isMoment), taken: order.taken + windows.taken };
}

/** A value converted to a type; an attempt has no value where that fails. */
export function castPiece(value: string, type: ColumnType, attempt: boolean): Piece {
  const sql = castSql(value, type);
  return operand(attempt ? `TRY(${sql})` : sql, type.kind.startsWith("timestamp") || type.kind === "date");
}

function hasMoment(nodes: Node[], { momentColumns }: Scope): boolean {
  return nodes.some((node) => (node.kind === "word" || node.kind === "quoted") && momentColumns.has(node.text));
}

function argumentSql(nodes: Node[], scope: Scope): string {
  if (nodes.length === 1 && isSymbol(nodes[0], "*")) return "*";
  const word = nodes.length === 1 && nodes[0]?.kind === "word" ? nodes[0].text : undefined;
  if (word !== undefined && !RESERVED.has(word) && !BARE_FUNCTIONS.has(word)) return duckName(word);
  return rewrite(nodes, scope);
}

/** WITHIN GROUP (ORDER BY …) of LISTAGG and ARRAY_AGG stands inside of DuckDB's call. */
function orderSql([first, second, group]: Node[], scope: Scope): { sql: string; taken: number } {
  if (!isWord(first, "WITHIN") || !isWord(second, "GROUP") || !isGroup(group)) return { sql: "", taken: 0 };
  return { sql: ` ${rewrite(group.items, scope)}`, taken: 3 };
}

/** WITHIN GROUP, IGNORE NULLS, FILTER and OVER belong to the call before them. */
function windowsSql(following: Node[], scope: Scope): { sql: string; taken: number } {
  let sql = "";
  let taken = 0;
  for (;;) {
    const [first, second, third] = following.slice(taken);
    if (isWord(first, "WITHIN") && isWord(second, "GROUP") && isGroup(third)) {
      sql += ` WITHIN GROUP (${rewrite(third.items, scope)})`;
      taken += 3;
    } else if (isWord(first, "IGNORE", "RESPECT") && isWord(second, "NULLS")) {
      sql += ` ${isWord(first, "IGNORE") ? "IGNORE" : "RESPECT"} NULLS`;
      taken += 2;
    } else if (isWord(first, "OVER", "FILTER") && isGroup(second)) {
      sql += ` ${isWord(first, "OVER") ? "OVER" : "FILTER"} (${rewrite(second.items, scope)})`;
      taken += 2;
    } else return { sql, taken };
  }
}
