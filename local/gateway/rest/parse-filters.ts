import { Cursor, commaSeparated } from "./cursor.ts";
import { type Field, parseError, parseField } from "./field.ts";

export type Condition = Comparison | Group;

/** `age=not.gte.18` */
export interface Comparison {
  kind: "comparison";
  field: Field;
  negated: boolean;
  operator: string;
  quantifier: "any" | "all" | undefined;
  /** A text as it was sent; the members of an `in` list. */
  value: string | string[];
}

/** `or=(age.lt.18,age.gt.65)` */
export interface Group {
  kind: "group";
  negated: boolean;
  operator: "and" | "or";
  conditions: Condition[];
}

const GROUP = /^(not\.)?(and|or)$/;

/** Reads one query parameter as a condition on the rows. */
export function parseFilter(name: string, value: string): Condition {
  const group = GROUP.exec(name);
  if (group) {
    const cursor = new Cursor(value);
    const conditions = parseMembers(cursor);
    if (!cursor.atEnd) throw parseError(cursor);
    return { kind: "group", negated: group[1] !== undefined, operator: group[2] === "or" ? "or" : "and", conditions };
  }
  const left = new Cursor(name);
  const field = parseField(left);
  if (!left.atEnd) throw parseError(left);
  const right = new Cursor(value);
  const comparison = parseComparison(right, field, (cursor) => cursor.rest());
  if (!right.atEnd) throw parseError(right);
  return comparison;
}

function parseMembers(cursor: Cursor): Condition[] {
  if (!cursor.take("(")) throw parseError(cursor);
  const members = commaSeparated(cursor, parseMember);
  if (!cursor.take(")")) throw parseError(cursor);
  return members;
}

function parseMember(cursor: Cursor): Condition {
  cursor.match(/ */);
  const head = cursor.match(/(?:not\.)?(?:and|or)(?=\()/);
  if (head !== undefined) {
    return {
      kind: "group",
      negated: head.startsWith("not."),
      operator: head.endsWith("or") ? "or" : "and",
      conditions: parseMembers(cursor),
    };
  }
  const field = parseField(cursor);
  if (!cursor.take(".")) throw parseError(cursor);
  return parseComparison(cursor, field, nestedValue);
}

/** Inside a group a comma or parenthesis ends a value, unless it is quoted or an array. */
function nestedValue(cursor: Cursor): string {
  return cursor.quoted() ?? cursor.match(/\{(?:"(?:[^"\\]|\\[\s\S])*"|[^}"])*\}/) ?? cursor.match(/[^,)]*/) ?? "";
}

function parseComparison(cursor: Cursor, field: Field, readValue: (cursor: Cursor) => string): Comparison {
  const negated = cursor.take("not.");
  const operator = cursor.match(/[a-z]+/);
  if (operator === undefined) throw parseError(cursor);
  const quantifier = cursor.take("(any)") ? "any" : cursor.take("(all)") ? "all" : undefined;
  if (!cursor.take(".")) throw parseError(cursor);
  const value = operator === "in" ? parseList(cursor) : readValue(cursor);
  return { kind: "comparison", field, negated, operator, quantifier, value };
}

function parseList(cursor: Cursor): string[] {
  if (!cursor.take("(")) throw parseError(cursor);
  if (cursor.take(")")) return [];
  const members = commaSeparated(cursor, (inner) => inner.quoted() ?? inner.match(/[^,)]*/) ?? "");
  if (!cursor.take(")")) throw parseError(cursor);
  return members;
}
