import { type Catalogue, EXPOSED_SCHEMA, type Table } from "./catalogue.ts";
import { parseShape } from "./media-type.ts";
import { contentRange, pageStatus, parsePage } from "./page.ts";
import type { Plan, RestRequest } from "./plan.ts";
import { planDelete, planInsert, planUpdate } from "./plan-write.ts";
import { parseFilters, readSql } from "./read-sql.ts";
import { toResponse } from "./reply.ts";
import { RestError, UnknownNameError } from "./rest-error.ts";
import { singleRow } from "./row-guard.ts";
import { Bindings, qualifiedName } from "./sql.ts";

/** Plans what is asked of the rows of `/rest/v1/<table>`. */
export function planTable(request: RestRequest, catalogue: Catalogue, name: string): Plan {
  const table = catalogue.tables.get(name);
  if (table === undefined) throw unknown(name, catalogue);
  switch (request.method) {
    case "GET":
    case "HEAD":
      return planRead(request, table);
    case "POST":
      return planInsert(request, table);
    case "PATCH":
      return planUpdate(request, table);
    case "DELETE":
      return planDelete(request, table);
    default:
      throw new RestError(405, { code: "PGRST117", message: `Unsupported HTTP method: ${request.method}` });
  }
}

function planRead(request: RestRequest, table: Table): Plan {
  const { preferences } = request;
  const params = request.url.searchParams;
  const shape = parseShape(request.headers);
  const page = parsePage(params, request.method, request.headers);
  const bindings = new Bindings();
  const { expressions, final } = readSql(
    {
      from: qualifiedName(EXPOSED_SCHEMA, table.name),
      relation: table,
      params,
      conditions: parseFilters(params),
      page,
      count: preferences.count,
      shape,
      guards: singleRow(shape),
    },
    bindings,
  );
  return {
    statement: { text: `with ${expressions.join(", ")} ${final}`, values: bindings.values },
    readOnly: true,
    prepared: false,
    reply: (result) => {
      const range = contentRange(page.offset, result.page, result.total);
      const headers = { "Content-Type": shape.contentType, "Content-Range": range };
      return toResponse(
        { status: pageStatus(page.offset, result.page, result.total), headers, body: result.body },
        result,
        preferences,
      );
    },
  };
}

function unknown(name: string, catalogue: Catalogue): RestError {
  const near = [...catalogue.tables.keys()].find((each) => each.startsWith(name) || name.startsWith(each));
  return new UnknownNameError(404, {
    code: "PGRST205",
    message: `Could not find the table '${EXPOSED_SCHEMA}.${name}' in the schema cache`,
    hint: near === undefined ? null : `Perhaps you meant the table '${EXPOSED_SCHEMA}.${near}'`,
  });
}
