import { type Column, EXPOSED_SCHEMA, type Table } from "./catalogue.ts";
import { Cursor, commaSeparated } from "./cursor.ts";
import { parseError, parseName } from "./field.ts";
import { whereSql } from "./filter-sql.ts";
import { isObject, parseJsonBody } from "./json-body.ts";
import { parseShape, rowsJsonSql } from "./media-type.ts";
import type { Plan, RestRequest } from "./plan.ts";
import { parseFilters, resultSql } from "./read-sql.ts";
import { toResponse } from "./reply.ts";
import { RestError, UnknownNameError } from "./rest-error.ts";
import { atMost, singleRow } from "./row-guard.ts";
import { selectSql } from "./select-list.ts";
import { Bindings, qualifiedName, quoteName } from "./sql.ts";
import type { StatementResult } from "./transaction.ts";

/** Plans an insert or, with `Prefer: resolution=…`, an upsert of one object or many. */
export function planInsert(request: RestRequest, table: Table): Plan {
  const payload = parsePayload(request);
  const outcome: Outcome = { done: 201, range: (result) => `*/${result.total ?? "*"}` };
  if (payload.keys.length === 0) return planWrite(request, noRows(table), new Bindings(), outcome);
  const bindings = new Bindings();
  const columns = payloadColumns(request, table, payload);
  const rows = newRows(request, columns, payload, bindings);
  const write =
    `insert into ${qualifiedName(EXPOSED_SCHEMA, table.name)} as pgrst_row ${rows}` +
    conflictSql(request, table, columns) +
    returningSql(request, table, bindings);
  return planWrite(request, write, bindings, outcome);
}

/** Plans an update of the rows that pass the filters; without any filter it is refused, as hosted. */
export function planUpdate(request: RestRequest, table: Table): Plan {
  const payload = parsePayload(request);
  const columns = payloadColumns(request, table, payload);
  if (columns.length === 0) return planWrite(request, noRows(table), new Bindings(), UPDATED);
  const bindings = new Bindings();
  const assignments = columns.map(({ name }) => `${quoteName(name)} = pgrst_body.${quoteName(name)}`);
  const source = `json_to_record(${bindings.bind(payload.text)}::json -> 0) as pgrst_body(${definitions(columns)})`;
  const write =
    `update ${qualifiedName(EXPOSED_SCHEMA, table.name)} as pgrst_row set ${assignments.join(", ")} from ${source}` +
    `${requiredWhere("UPDATE", request, table, bindings)}${returningSql(request, table, bindings)}`;
  return planWrite(request, write, bindings, UPDATED);
}

/** Plans a delete of the rows that pass the filters; without any filter it is refused, as hosted. */
export function planDelete(request: RestRequest, table: Table): Plan {
  const bindings = new Bindings();
  const write =
    `delete from ${qualifiedName(EXPOSED_SCHEMA, table.name)} as pgrst_row` +
    `${requiredWhere("DELETE", request, table, bindings)}${returningSql(request, table, bindings)}`;
  return planWrite(request, write, bindings, { done: undefined, range: (result) => `*/${result.total ?? "*"}` });
}

interface Outcome {
  /** The status whatever is returned; otherwise 200 with rows and 204 without. */
  done: number | undefined;
  range: (result: StatementResult) => string;
}

const UPDATED: Outcome = {
  done: undefined,
  range: ({ page, total }) => `${page === 0 ? "*" : `0-${page - 1}`}/${total ?? "*"}`,
};

function planWrite(request: RestRequest, write: string, bindings: Bindings, outcome: Outcome): Plan {
  const { preferences } = request;
  const shape = parseShape(request.headers);
  const returnsRows = preferences.return === "representation";
  const guards = [...(returnsRows ? singleRow(shape) : []), ...atMost(preferences.maxAffected)];
  const body = returnsRows ? rowsJsonSql(shape) : "null";
  const total = preferences.count ? "count(*)" : "null";
  return {
    statement: { text: `with pgrst_source as (${write}) ${resultSql(body, total, guards)}`, values: bindings.values },
    readOnly: false,
    prepared: false,
    reply: (result) => {
      const headers: Record<string, string> = { "Content-Range": outcome.range(result) };
      if (returnsRows) headers["Content-Type"] = shape.contentType;
      const status = outcome.done ?? (returnsRows ? 200 : 204);
      return toResponse({ status, headers, body: returnsRows ? result.body : null }, result, preferences);
    },
  };
}

/** The objects of a body as one JSON array, and the keys of each. */
interface Payload {
  text: string;
  keys: string[][];
}

function parsePayload(request: RestRequest): Payload {
  const body = parseJsonBody(request.body, request.headers.get("content-type"));
  if (body.kind === "object") return { text: `[${body.text}]`, keys: [body.keys] };
  if (body.kind === "array" && body.elements.every(isObject)) {
    return { text: body.text, keys: body.elements.map((each) => Object.keys(each)) };
  }
  throw new RestError(400, { code: "PGRST102", message: "The body must be a JSON object or an array of objects" });
}

/** The columns of `columns=`, else those of the objects, which must then agree. */
function payloadColumns(request: RestRequest, table: Table, { keys: [first = [], ...others] }: Payload): Column[] {
  const named = request.url.searchParams.get("columns");
  if (named !== null) return knownColumns(table, parseNames(named));
  if (others.every((keys) => keys.length === first.length && keys.every((key) => first.includes(key)))) {
    return knownColumns(table, first);
  }
  throw new RestError(400, { code: "PGRST102", message: "All object keys must match" });
}

/** What an insert takes its rows from. */
function newRows(request: RestRequest, columns: Column[], payload: Payload, bindings: Bindings): string {
  if (columns.length === 0) return "default values";
  const names = columns.map(({ name }) => quoteName(name)).join(", ");
  const objects = request.preferences.missingAsDefault
    ? withDefaults(payload.text, columns, bindings)
    : bindings.bind(payload.text);
  return `(${names}) select ${names} from json_to_recordset(${objects}) as pgrst_body(${definitions(columns)})`;
}

function parseNames(text: string): string[] {
  const cursor = new Cursor(text);
  const names = commaSeparated(cursor, parseName);
  if (!cursor.atEnd) throw parseError(cursor);
  return names;
}

function knownColumns(table: Table, names: string[]): Column[] {
  return names.map((name) => {
    const column = table.columns.find((each) => each.name === name);
    if (column !== undefined) return column;
    throw new UnknownNameError(400, {
      code: "PGRST204",
      message: `Could not find the '${name}' column of '${table.name}' in the schema cache`,
    });
  });
}

function definitions(columns: Column[]): string {
  return columns.map(({ name, type }) => `${quoteName(name)} ${type}`).join(", ");
}

/** The objects with each missing key filled by its column's default: an expression out of the catalogue. */
function withDefaults(rows: string, columns: Column[], bindings: Bindings): string {
  const defaults = columns.flatMap((each) =>
    each.default ? [`${bindings.bind(each.name)}::text, ${each.default}`] : [],
  );
  return (
    `(select json_agg(jsonb_build_object(${defaults.join(", ")}) || pgrst_element) ` +
    `from jsonb_array_elements(${bindings.bind(rows)}) as pgrst_element)`
  );
}

function conflictSql({ url, preferences }: RestRequest, table: Table, columns: Column[]): string {
  if (preferences.resolution === undefined) return "";
  const named = url.searchParams.get("on_conflict");
  const target = named === null ? table.primaryKey : knownColumns(table, parseNames(named)).map(({ name }) => name);
  if (target.length === 0) return "";
  const updates = columns.map(({ name }) => `${quoteName(name)} = excluded.${quoteName(name)}`).join(", ");
  const merges = preferences.resolution === "merge-duplicates" && updates !== "";
  return ` on conflict (${target.map(quoteName).join(", ")}) do ${merges ? `update set ${updates}` : "nothing"}`;
}

function requiredWhere(verb: "UPDATE" | "DELETE", { url }: RestRequest, table: Table, bindings: Bindings): string {
  const where = whereSql(parseFilters(url.searchParams), table, bindings);
  if (where !== "") return where;
  throw new RestError(400, { code: "21000", message: `${verb} requires a WHERE clause` });
}

/** Without rows to return nothing of them is named, so that no right to select is needed. */
function returningSql({ url, preferences }: RestRequest, table: Table, bindings: Bindings): string {
  if (preferences.return !== "representation") return " returning 1";
  return ` returning ${selectSql(url.searchParams.get("select") ?? undefined, table, bindings)}`;
}

function noRows(table: Table): string {
  return `select pgrst_row.* from ${qualifiedName(EXPOSED_SCHEMA, table.name)} as pgrst_row where false`;
}
