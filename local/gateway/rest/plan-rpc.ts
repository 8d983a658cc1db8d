import { type Catalogue, EXPOSED_SCHEMA, type Routine } from "./catalogue.ts";
import { findRoutine, takesWholeBody } from "./find-routine.ts";
import { parseJsonBody } from "./json-body.ts";
import { parseShape } from "./media-type.ts";
import { contentRange, pageStatus, parsePage } from "./page.ts";
import type { Plan, RestRequest } from "./plan.ts";
import { parseFilters, readSql, resultSql } from "./read-sql.ts";
import { toResponse } from "./reply.ts";
import { RestError } from "./rest-error.ts";
import { singleRow } from "./row-guard.ts";
import { Bindings, qualifiedName, quoteName } from "./sql.ts";

/** Plans a call of `/rest/v1/rpc/<name>`: arguments by name out of a JSON body, or out of the query on GET. */
export function planRpc(request: RestRequest, catalogue: Catalogue, name: string): Plan {
  const reads = request.method === "GET" || request.method === "HEAD";
  if (!reads && request.method !== "POST") {
    throw new RestError(405, { code: "PGRST101", message: `Cannot use the ${request.method} method on RPC` });
  }
  const bindings = new Bindings();
  const call = (reads ? callByQuery : callByBody)(request, catalogue, name, bindings);
  const plan = call.routine.result === "composite" ? planRows : planValue;
  return plan(request, call, bindings, reads || !call.routine.isVolatile);
}

/** A function's call: what its arguments come from, and the call itself, as items of `from`. */
interface Call {
  routine: Routine;
  source: string | undefined;
  invocation: string;
  /** Whether a query parameter is an argument; all others shape the result. */
  takes: (parameter: string) => boolean;
}

function callByBody(request: RestRequest, catalogue: Catalogue, name: string, bindings: Bindings): Call {
  const body = parseJsonBody(request.body, request.headers.get("content-type"));
  const given = body.kind === "object" ? body.keys : [];
  const routine = findRoutine(catalogue, name, given, true);
  const takes = () => false;
  if (takesWholeBody(routine)) {
    const whole = `${bindings.bind(body.text)}::${routine.arguments[0]?.type}`;
    return { routine, source: undefined, invocation: invoke(routine, [whole]), takes };
  }
  if (body.kind !== "object") {
    throw new RestError(400, { code: "PGRST102", message: "The body of a function call must be a JSON object" });
  }
  const used = routine.arguments.filter((each) => given.includes(each.name));
  if (used.length === 0) return { routine, source: undefined, invocation: invoke(routine, []), takes };
  const definition = used.map((each) => `${quoteName(each.name)} ${each.type}`).join(", ");
  const values = used.map((each) => named(each, `pgrst_args.${quoteName(each.name)}`));
  const source = `json_to_record(${bindings.bind(body.text)}) as pgrst_args(${definition})`;
  return { routine, source, invocation: invoke(routine, values), takes };
}

function callByQuery({ url }: RestRequest, catalogue: Catalogue, name: string, bindings: Bindings): Call {
  const overloads = catalogue.routines.get(name) ?? [];
  const names = new Set(overloads.flatMap((each) => each.arguments.map((argument) => argument.name)));
  const takes = (parameter: string) => names.has(parameter);
  const given = [...new Set([...url.searchParams.keys()].filter(takes))];
  const routine = findRoutine(catalogue, name, given, false);
  const values = routine.arguments
    .filter((each) => given.includes(each.name))
    .map((each) => named(each, `${bindings.bind(url.searchParams.get(each.name))}::${each.type}`));
  return { routine, source: undefined, invocation: invoke(routine, values), takes };
}

function named({ name, variadic }: Routine["arguments"][number], value: string): string {
  return `${variadic ? "variadic " : ""}${quoteName(name)} => ${value}`;
}

function invoke(routine: Routine, values: string[]): string {
  return `${qualifiedName(EXPOSED_SCHEMA, routine.name)}(${values.join(", ")})`;
}

/** A function that returns rows is read like a table. */
function planRows(request: RestRequest, call: Call, bindings: Bindings, readOnly: boolean): Plan {
  const { routine, source, invocation } = call;
  const { preferences, url } = request;
  const shape = parseShape(request.headers);
  const params = url.searchParams;
  const page = routine.returnsSet ? parsePage(params, request.method, request.headers) : undefined;
  const from = source === undefined ? invocation : `${source}, lateral ${invocation}`;
  const read = readSql(
    {
      from: "pgrst_call",
      relation: { name: routine.name, columns: routine.columns },
      params,
      conditions: parseFilters(params, call.takes),
      page,
      count: preferences.count,
      shape: { ...shape, singular: shape.singular || !routine.returnsSet },
      guards: routine.returnsSet ? singleRow(shape) : [],
    },
    bindings,
  );
  const rows = `pgrst_call as (select pgrst_result.* from ${from} as pgrst_result)`;
  return {
    statement: { text: `with ${[rows, ...read.expressions].join(", ")} ${read.final}`, values: bindings.values },
    readOnly,
    prepared: params.size === 0,
    reply: (result) => {
      const offset = page?.offset ?? 0;
      const range = contentRange(offset, result.page, result.total);
      const headers = { "Content-Type": shape.contentType, "Content-Range": range };
      const status = pageStatus(offset, result.page, result.total);
      return toResponse({ status, headers, body: result.body }, result, preferences);
    },
  };
}

/** A function that returns one value, values, or nothing. */
function planValue(request: RestRequest, call: Call, bindings: Bindings, readOnly: boolean): Plan {
  const { routine, source, invocation } = call;
  const { contentType } = parseShape(request.headers);
  const isVoid = routine.result === "void";
  const from = source === undefined ? "" : ` from ${source}`;
  const page = routine.returnsSet ? parsePage(request.url.searchParams, request.method, request.headers) : undefined;
  const limit =
    page === undefined ? "" : ` limit ${bindings.bind(`${page.limit}`)} offset ${bindings.bind(`${page.offset}`)}`;
  const values = "json_agg(pgrst_source.value)";
  const body = routine.returnsSet ? `coalesce(${values}, '[]')::text` : `coalesce((${values} -> 0)::text, 'null')`;
  return {
    statement: {
      text:
        `with pgrst_source as materialized (select ${invocation} as value${from}${limit}) ` +
        resultSql(isVoid ? "null" : body, "null", []),
      values: bindings.values,
    },
    readOnly,
    prepared: true,
    reply: (result) => {
      if (isVoid) return toResponse({ status: 204, headers: {}, body: null }, result, request.preferences);
      const range = contentRange(page?.offset ?? 0, result.page, result.total);
      const headers = { "Content-Type": contentType, "Content-Range": range };
      return toResponse({ status: 200, headers, body: result.body }, result, request.preferences);
    },
  };
}
