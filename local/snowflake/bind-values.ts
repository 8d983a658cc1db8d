import { z } from "zod";
import { SnowflakeError } from "./snowflake-error.ts";
import { quoteText } from "./sql/identifiers.ts";
import { type Group, isGroup, isSymbol, isWord, type Node } from "./sql/token-tree.ts";

const bindValue = z.union([z.string(), z.null()]);
/** `{"1": {type, value}}`; a list of values is a column of rows to insert. */
export const bindings = z.record(
  z.string(),
  z.object({ type: z.string(), value: z.union([bindValue, z.array(bindValue)]) }).loose(),
);
export type Bindings = z.infer<typeof bindings>;

const MS_PER_DAY = 86_400_000;
const digits = /^-?\d+$/;

/** Puts the values in the places of `?` and `:1`; columns of values repeat the row after VALUES. */
export function bindNodes(nodes: Node[], values: Bindings): Node[] {
  const rows = Object.values(values).flatMap(({ value }) => (Array.isArray(value) ? [value.length] : []));
  const counter = { next: 1 };
  if (rows.length === 0) return replace(nodes, values, undefined, counter);
  const at = nodes.findIndex((node, index) => isWord(node, "VALUES") && isGroup(nodes[index + 1]));
  const template = nodes[at + 1];
  if (at < 0 || !isGroup(template)) return replace(nodes, values, undefined, counter);
  const groups = Array.from({ length: Math.max(...rows) }, (_, row): Node[] => {
    const group: Group = { ...template, items: replace(template.items, values, row, { next: 1 }) };
    return row === 0 ? [group] : [{ kind: "symbol", text: ",", at: template.at, end: template.end }, group];
  });
  return [...nodes.slice(0, at + 1), ...groups.flat(), ...nodes.slice(at + 2)];
}

function replace(nodes: Node[], values: Bindings, row: number | undefined, counter: { next: number }): Node[] {
  const result: Node[] = [];
  for (let at = 0; at < nodes.length; at += 1) {
    const node = nodes[at];
    const following = nodes[at + 1];
    if (node === undefined) continue;
    const previous = nodes[at - 1];
    const free = previous === undefined || previous.kind === "symbol" || previous.kind === "word";
    if (node.kind === "group") result.push({ ...node, items: replace(node.items, values, row, counter) });
    else if (isSymbol(node, "?")) {
      result.push({ kind: "sql", text: literal(values, String(counter.next), row), at: node.at, end: node.end });
      counter.next += 1;
    } else if (isSymbol(node, ":") && following?.kind === "number" && free) {
      result.push({ kind: "sql", text: literal(values, following.text, row), at: node.at, end: following.end });
      at += 1;
    } else result.push(node);
  }
  return result;
}

function literal(values: Bindings, name: string, row: number | undefined): string {
  const bound = values[name];
  if (bound === undefined)
    throw new SnowflakeError("002049", "42601", `SQL compilation error:\nBind variable ${name} not set.`);
  const value = Array.isArray(bound.value) ? bound.value[row ?? 0] : bound.value;
  const type = bound.type.toUpperCase();
  if (value === null || value === undefined) return type === "TEXT" || type === "ANY" ? "NULL" : nullOf(type);
  const whole = () => {
    if (!digits.test(value)) throw new SnowflakeError("100038", "22018", `Numeric value '${value}' is not recognized`);
    return `(${value})::HUGEINT`;
  };
  if (type === "FIXED")
    return /^-?\d+(\.\d+)?$/.test(value) ? `(${value})` : `CAST(${quoteText(value)} AS DECIMAL(38,0))`;
  if (type === "REAL") return `CAST(${quoteText(value)} AS DOUBLE)`;
  if (type === "BOOLEAN") return /^(true|1)$/i.test(value) ? "TRUE" : "FALSE";
  if (type === "DATE" && digits.test(value)) return `(DATE '1970-01-01' + ${Math.floor(Number(value) / MS_PER_DAY)})`;
  if (type === "TIME" && digits.test(value)) return `sf_to_time(sf_mkntz(${whole()}))`;
  if (type === "TIMESTAMP_NTZ" && digits.test(value)) return `sf_mkntz(${whole()})`;
  if (type === "TIMESTAMP_LTZ" && digits.test(value)) return `sf_mkltz(${whole()})`;
  if (type === "TIMESTAMP_TZ") {
    const [nanos = "0", offset = "1440"] = value.split(" ");
    if (digits.test(nanos) && digits.test(offset)) return `sf_mktz(${nanos}::HUGEINT, ${Number(offset) - 1440})`;
  }
  if (type === "BINARY") return `unhex(${quoteText(value)})`;
  if (type === "VARIANT" || type === "OBJECT" || type === "ARRAY") return `sf_parse_json(${quoteText(value)})`;
  return quoteText(value);
}

function nullOf(type: string): string {
  const types: Record<string, string> = {
    FIXED: "DECIMAL(38,0)",
    REAL: "DOUBLE",
    BOOLEAN: "BOOLEAN",
    DATE: "DATE",
    BINARY: "BLOB",
  };
  return types[type] === undefined ? "NULL" : `NULL::${types[type]}`;
}
