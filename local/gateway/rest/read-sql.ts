import type { Relation } from "./field.ts";
import { whereSql } from "./filter-sql.ts";
import { rowsJsonSql, type Shape } from "./media-type.ts";
import { orderSql } from "./order-sql.ts";
import type { Page } from "./page.ts";
import { type Condition, parseFilter } from "./parse-filters.ts";
import { guardSql, type RowGuard } from "./row-guard.ts";
import { selectSql } from "./select-list.ts";
import type { Bindings } from "./sql.ts";

/** Query parameters that shape a result; all others are filters. */
const SHAPING = new Set(["select", "order", "limit", "offset", "columns", "on_conflict", "apikey"]);

/** The filters of a request, besides the parameters that are spoken for. */
export function parseFilters(params: URLSearchParams, spokenFor?: (name: string) => boolean): Condition[] {
  return [...params]
    .filter(([name]) => !SHAPING.has(name) && !spokenFor?.(name))
    .map(([name, value]) => parseFilter(name, value));
}

export interface Read {
  /** A table's name or a common table expression's, in SQL. */
  from: string;
  relation: Relation;
  params: URLSearchParams;
  conditions: Condition[];
  /** Absent where there is one row by nature. */
  page: Page | undefined;
  count: boolean;
  shape: Shape;
  guards: RowGuard[];
}

/** Common table expressions `pgrst_source` (the page) and `pgrst_count` (the whole), and the final select over them. */
export function readSql(read: Read, bindings: Bindings): { expressions: string[]; final: string } {
  const { relation, params, page } = read;
  const columns = selectSql(params.get("select") ?? undefined, relation, bindings);
  const where = whereSql(read.conditions, relation, bindings);
  const order = orderSql(params.get("order") ?? undefined, relation, bindings);
  const limit =
    page === undefined ? "" : ` limit ${bindings.bind(`${page.limit}`)} offset ${bindings.bind(`${page.offset}`)}`;
  const rows = `pgrst_source as (select ${columns} from ${read.from} as pgrst_row${where}${order}${limit})`;
  const whole = `pgrst_count as (select from ${read.from} as pgrst_row${where})`;
  return {
    expressions: read.count ? [rows, whole] : [rows],
    final: resultSql(rowsJsonSql(read.shape), read.count ? "(select count(*) from pgrst_count)" : "null", read.guards),
  };
}

/** The one row that every statement ends in. */
export function resultSql(body: string, total: string, guards: RowGuard[]): string {
  return (
    `select count(*)::text as page, (${total})::text as total, ${body} as body, ${guardSql(guards)} as guard, ` +
    "nullif(current_setting('response.headers', true), '') as response_headers, " +
    "nullif(current_setting('response.status', true), '') as response_status from pgrst_source"
  );
}
