import { callConstants } from "./call-constants.ts";
import type { Namespace } from "./catalog.ts";
import { rowsSql, type Table } from "./catalog.ts";
import type { Execution } from "./execution.ts";
import { informationSchema } from "./information-schema.ts";
import { scannedResult } from "./scanned-result.ts";
import { invalidIdentifier, noTimeTravel, SnowflakeError, unsupported } from "./snowflake-error.ts";
import { printName } from "./sql/identifiers.ts";
import { rewrite, type Scope } from "./sql/rewrite-query.ts";
import { type Group, isSymbol, isWord, type Node, toTree } from "./sql/token-tree.ts";
import { tokenize } from "./sql/tokenize.ts";

type Moment = { at: number } | { before: number };
const DAY_MS = 86_400_000;
const VIEW_DEPTH = 20;

/** What the names in a statement mean, once its tables are loaded and its moments known. */
export async function openScope(
  execution: Execution,
  nodes: Node[] = execution.nodes,
  sql = execution.sql,
): Promise<Scope> {
  const bound: Bound = { execution, moments: new Map(), views: new Map(), momentColumns: new Set() };
  await bind(bound, nodes, sql, execution.session, 0);
  return makeScope(bound, sql, execution.session);
}

interface Bound {
  execution: Execution;
  /** What each AT (…) and BEFORE (…) comes to. */
  moments: Map<Group, Moment>;
  views: Map<number, Node[]>;
  momentColumns: Set<string>;
}

function makeScope(bound: Bound, sql: string, namespace: Namespace): Scope {
  const { execution } = bound;
  const { session, warehouse, queries, query } = execution;
  const mapping = session.parameters.text("TIMESTAMP_TYPE_MAPPING").toLowerCase();
  return {
    sql,
    momentColumns: bound.momentColumns,
    commonTables: new Set(),
    timestampMapping: mapping === "timestamp_ltz" || mapping === "timestamp_tz" ? mapping : "timestamp_ntz",
    constants: callConstants(execution),
    lastQueryId: (back) => session.history.filter((id) => id !== query.id).at(back),
    cancelQuery(id) {
      const found = queries.get(id);
      if (found?.status !== "RUNNING") return false;
      found.cancel();
      return true;
    },
    variable(name) {
      const value = session.variables.get(name);
      if (value === undefined)
        throw new SnowflakeError(
          "002211",
          "02000",
          `SQL compilation error: error line 1 at position 0\nSession variable '$${name}' does not exist`,
        );
      return value;
    },
    tableFunction: (path, args) => {
      const name = path.at(-1);
      if (name === "GENERATOR") return `(SELECT 1 AS "~one" FROM range((${args[0]?.sql ?? "0"})::BIGINT))`;
      if (name === "RESULT_SCAN") return scannedResult(queries, args[0]?.sql.replaceAll("'", "") ?? "");
      if (name === "QUERY_HISTORY" || name === "QUERY_HISTORY_BY_SESSION")
        return informationSchema(execution, session.database ?? "", name);
      if (name === "FLATTEN")
        return `(SELECT 1 AS "SEQ", CASE WHEN json_type(sf_json(${args[0]?.sql})) = 'OBJECT' THEN key END AS "KEY", fullkey AS "PATH",
          CASE WHEN json_type(sf_json(${args[0]?.sql})) = 'ARRAY' THEN key::BIGINT END AS "INDEX", sf_mkvariant(value) AS "VALUE" FROM json_each(sf_json(${args[0]?.sql})))`;
      return undefined;
    },
    table(path, travel) {
      if (path.at(-2) === "INFORMATION_SCHEMA")
        return informationSchema(execution, path.at(-3) ?? namespace.database ?? "", path.at(-1) ?? "");
      const found = warehouse.catalog.relation(path, namespace);
      execution.named.add(found);
      const moment = travel === undefined ? undefined : bound.moments.get(travel.group);
      if (found.kind === "VIEW") {
        if (travel !== undefined) throw unsupported(`TIME TRAVEL on view ${printName(found.name)}`);
        const body = bound.views.get(found.id);
        if (body === undefined) throw invalidIdentifier(found.name);
        const inner = makeScope(bound, found.query ?? "", { ...found, session: session.id });
        return `(${rewrite(body, inner)})`;
      }
      if (moment !== undefined) checkMoment(found, moment, warehouse.now());
      return `(${rowsSql(found, moment)})`;
    },
  };
}

function checkMoment(table: Table, moment: Moment, now: number): void {
  const at = "at" in moment ? moment.at : moment.before;
  const oldest = now - table.retentionDays * DAY_MS;
  if (at < table.created || at < oldest || table.retentionDays === 0) throw noTimeTravel(printName(table.name));
}

/** Finds the tables that are named, loads those that wait for their first use, and computes the moments. */
async function bind(bound: Bound, nodes: Node[], sql: string, namespace: Namespace, depth: number): Promise<void> {
  const { execution } = bound;
  for (const [at, node] of nodes.entries()) {
    if (node.kind === "group") {
      if (isWord(nodes[at - 1], "AT", "BEFORE"))
        await bindMoment(bound, node, isWord(nodes[at - 1], "BEFORE"), sql, namespace);
      await bind(bound, node.items, sql, namespace, depth);
      continue;
    }
    // Its row counts and bytes are those of tables that may not have been used yet.
    if (isWord(node, "TABLES") && isWord(nodes[at - 2], "INFORMATION_SCHEMA")) await loadAll(execution);
    if ((node.kind !== "word" && node.kind !== "quoted") || isSymbol(nodes[at - 1], ".")) continue;
    const table = tableAt(execution, nodes, at, namespace);
    if (table === undefined) continue;
    await execution.warehouse.load(table);
    for (const column of table.columns)
      if (column.type.kind.startsWith("timestamp")) bound.momentColumns.add(column.name);
    if (table.kind !== "VIEW" || bound.views.has(table.id)) continue;
    if (depth > VIEW_DEPTH) throw unsupported("VIEWS of such depth");
    const text = table.query ?? "";
    const body = toTree(text, tokenize(text));
    bound.views.set(table.id, body);
    await bind(bound, body, text, { ...table, session: execution.session.id }, depth + 1);
  }
}

async function loadAll({ warehouse, session }: Execution): Promise<void> {
  for (const table of warehouse.catalog.relations(session.id)) await warehouse.load(table);
}

function tableAt(execution: Execution, nodes: Node[], at: number, namespace: Namespace): Table | undefined {
  const path: string[] = [];
  for (let index = at; path.length < 3; index += 2) {
    const node = nodes[index];
    if (node?.kind !== "word" && node?.kind !== "quoted") break;
    path.push(node.text);
    if (!isSymbol(nodes[index + 1], ".")) break;
  }
  if (namespace.database === undefined && path.length < 3) return undefined;
  if (namespace.schema === undefined && path.length < 2) return undefined;
  return execution.warehouse.catalog.find(path, namespace);
}

async function bindMoment(
  bound: Bound,
  group: Group,
  before: boolean,
  sql: string,
  namespace: Namespace,
): Promise<void> {
  const { execution } = bound;
  const arrow = group.items.findIndex((node) => isSymbol(node, "=>"));
  if (arrow !== 1) return;
  const scope = makeScope(bound, sql, namespace);
  const value = rewrite(group.items.slice(arrow + 1), scope);
  const kind = group.items[0];
  if (execution.session.transaction === undefined) await execution.warehouse.settled();
  let at: number;
  if (isWord(kind, "STATEMENT")) {
    const id = await evaluate(execution, value);
    const moment = execution.queries.get(id)?.moment ?? execution.queries.get(id)?.started;
    if (moment === undefined)
      throw new SnowflakeError("000709", "02000", `Time travel data is not available. Statement ${id} not found`);
    at = moment;
  } else if (isWord(kind, "TIMESTAMP")) {
    at = Number(await evaluate(execution, `sf_fdiv(sf_travel(${value}), 1000000)`));
  } else if (isWord(kind, "OFFSET")) {
    at = execution.now + Math.floor(Number(await evaluate(execution, `(${value})::DOUBLE`)) * 1000);
  } else throw unsupported("AT with STREAM");
  bound.moments.set(group, before ? { before: at } : { at });
}

async function evaluate({ connection }: Execution, expression: string): Promise<string> {
  const [[value] = []] = (await connection.runAndReadAll(`SELECT (${expression})::VARCHAR`)).getRowsJS();
  return String(value);
}
