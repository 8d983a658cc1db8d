import { syntaxError } from "../snowflake-error.ts";
import { placeOf, type Token } from "./tokenize.ts";

/** What stands between a pair of brackets. */
export interface Group {
  kind: "group";
  open: "(" | "[" | "{";
  items: Node[];
  at: number;
  end: number;
}

export type Node = Token | Group;

const CLOSING: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

/** Nests tokens by their brackets. */
export function toTree(sql: string, tokens: Token[]): Node[] {
  const stack: { group: Group | undefined; items: Node[] }[] = [{ group: undefined, items: [] }];
  for (const token of tokens) {
    const top = stack.at(-1);
    if (top === undefined) break;
    if (token.kind === "symbol" && (token.text === "(" || token.text === "[" || token.text === "{")) {
      const group: Group = { kind: "group", open: token.text, items: [], at: token.at, end: token.end };
      top.items.push(group);
      stack.push({ group, items: group.items });
    } else if (token.kind === "symbol" && ")]}".includes(token.text)) {
      if (top.group === undefined || CLOSING[top.group.open] !== token.text)
        throw syntaxError(token.text, placeOf(sql, token.at));
      top.group.end = token.end;
      stack.pop();
    } else top.items.push(token);
  }
  const unclosed = stack.at(-1)?.group;
  if (unclosed !== undefined) throw syntaxError("<EOF>", placeOf(sql, sql.length));
  return stack[0]?.items ?? [];
}

export const isGroup = (node: Node | undefined, open: Group["open"] = "("): node is Group =>
  node?.kind === "group" && node.open === open;

export const isWord = (node: Node | undefined, ...texts: string[]): boolean =>
  node?.kind === "word" && texts.includes(node.text);

export const isSymbol = (node: Node | undefined, ...texts: string[]): boolean =>
  node?.kind === "symbol" && texts.includes(node.text);

/** Divides a list at its commas; an empty list has no parts. */
export function splitAtCommas(nodes: Node[]): Node[][] {
  if (nodes.length === 0) return [];
  const parts: Node[][] = [[]];
  for (const node of nodes) {
    if (isSymbol(node, ",")) parts.push([]);
    else parts.at(-1)?.push(node);
  }
  return parts;
}
