import type { Column } from "./catalogue.ts";
import type { Cursor } from "./cursor.ts";
import { RestError, UnknownNameError } from "./rest-error.ts";
import { type Bindings, quoteName } from "./sql.ts";

/** What is read from or filtered: the rows of a table or of a function, in SQL under the name `pgrst_row`. */
export interface Relation {
  name: string;
  columns: Column[];
}

/** A column, or a value inside a JSON column: `metadata->kaggle->>ref`. */
export interface Field {
  column: string;
  path: { arrow: "->" | "->>"; key: string }[];
}

const NAME = /(?:[\w$ \u0080-\uffff]|-(?!>))+/;
const KEY = /[^-(:.,>)]+/;

export function parseField(cursor: Cursor): Field {
  const column = parseName(cursor);
  const path: Field["path"] = [];
  for (;;) {
    const arrow = cursor.take("->>") ? "->>" : cursor.take("->") ? "->" : undefined;
    if (arrow === undefined) return { column, path };
    const key = cursor.quoted() ?? cursor.match(KEY);
    if (key === undefined) throw parseError(cursor);
    path.push({ arrow, key });
  }
}

export function parseName(cursor: Cursor): string {
  const name = cursor.quoted() ?? cursor.match(NAME);
  if (name === undefined) throw parseError(cursor);
  return name;
}

/** A query parameter that does not follow its grammar, in PostgREST's words. */
export function parseError(cursor: Cursor): RestError {
  const unexpected = cursor.text[cursor.position];
  return new RestError(400, {
    code: "PGRST100",
    message: `"failed to parse (${cursor.text})" (line 1, column ${cursor.position + 1})`,
    details: unexpected === undefined ? "unexpected end of input" : `unexpected "${unexpected}"`,
  });
}

export function fieldSql(field: Field, relation: Relation, bindings: Bindings): string {
  const { type } = knownColumn(relation, field.column);
  const column = `pgrst_row.${quoteName(field.column)}`;
  if (field.path.length === 0) return column;
  const isJson = type === "json" || type === "jsonb";
  return field.path.reduce(
    (sql, { arrow, key }) => `${sql}${arrow}${bindings.bind(key)}::${/^-?\d+$/.test(key) ? "int" : "text"}`,
    isJson ? column : `to_jsonb(${column})`,
  );
}

export function knownColumn(relation: Relation, name: string): Column {
  const column = relation.columns.find((each) => each.name === name);
  if (column !== undefined) return column;
  throw new UnknownNameError(400, { code: "42703", message: `column ${relation.name}.${name} does not exist` });
}
