import { isTypeName } from "../column-type.ts";
import { RESERVED } from "./keywords.ts";
import type { Node } from "./token-tree.ts";

/** Whether a value may end with a node, so that a name after it is an alias. */
export function endsOperand(node: Node | undefined): boolean {
  if (node === undefined) return false;
  if (node.kind === "symbol") return node.text === "*";
  if (node.kind === "word")
    return !RESERVED.has(node.text) || ["NULL", "TRUE", "FALSE"].includes(node.text) || isTypeName(node.text);
  return true;
}
