import { ALLOWED_FUNCTIONS, ALLOWED_TABLE_FUNCTIONS } from "./allowed-functions.ts";
import type { GrantedTable } from "./messages.ts";
import { pointAt } from "./point-at.ts";
import { QueryFailure } from "./query-failure.ts";
import { foldName, resolveTable } from "./resolve-table.ts";

type Json = null | boolean | number | string | Json[] | Node;
interface Node {
  [key: string]: Json | undefined;
}

/** A granted table that a query reads, and a schema that it looks for it in. */
export interface TableReference {
  /** Its position among the granted tables. */
  grant: number;
  schema: string;
}

/** Names that stand for subqueries where a part of the query is, and those that stand for it while it recurs. */
interface Scope {
  names: ReadonlySet<string>;
  recurring: ReadonlySet<string>;
}

/** DuckDB's word for a node that stands nowhere in the text is larger. */
const NO_LOCATION = 2 ** 63;
/** Where DuckDB looks for names without a schema. */
const MAIN = "main";

/** Parts of a query that name nothing by themselves: what is in them is judged, and that is all. */
const PLAIN = new Set([
  "ASCENDING",
  "ARRAY_CONSTRUCTOR",
  "ARRAY_EXTRACT",
  "ARRAY_SLICE",
  "CASE_EXPR",
  "COLLATE",
  "COLUMN_REF",
  "COMPARE_BETWEEN",
  "COMPARE_DISTINCT_FROM",
  "COMPARE_EQUAL",
  "COMPARE_GREATERTHAN",
  "COMPARE_GREATERTHANOREQUALTO",
  "COMPARE_IN",
  "COMPARE_LESSTHAN",
  "COMPARE_LESSTHANOREQUALTO",
  "COMPARE_NOTEQUAL",
  "COMPARE_NOT_BETWEEN",
  "COMPARE_NOT_DISTINCT_FROM",
  "COMPARE_NOT_IN",
  "CONJUNCTION_AND",
  "CONJUNCTION_OR",
  "DESCENDING",
  "DISTINCT_MODIFIER",
  "EMPTY",
  "EXPRESSION_LIST",
  "GROUPING_FUNCTION",
  "JOIN",
  "LAMBDA",
  "LIMIT_MODIFIER",
  "LIMIT_PERCENT_MODIFIER",
  "OPERATOR_CAST",
  "OPERATOR_COALESCE",
  "OPERATOR_IS_NOT_NULL",
  "OPERATOR_IS_NULL",
  "OPERATOR_NOT",
  "OPERATOR_TRY",
  "OPERATOR_UNPACK",
  "ORDER_DEFAULT",
  "ORDER_MODIFIER",
  "PIVOT",
  "POSITIONAL_REFERENCE",
  "STAR",
  "STRUCT_EXTRACT",
  "SUBQUERY",
  "VALUE_CONSTANT",
  "VALUE_PARAMETER",
]);

/**
 * The granted tables that a query reads. Refuses, by a `QueryFailure`, all but one SELECT over those tables that calls
 * nothing but allowed functions; whatever this does not know is refused too.
 *
 * @param tree what `json_serialize_sql` made of the SQL
 */
export function judgeQuery(sql: string, tree: string, grants: readonly GrantedTable[]): TableReference[] {
  const parsed = toNode(parse(tree));
  if (parsed.error === true) throw toFailure(sql, parsed);
  const statements = Array.isArray(parsed.statements) ? parsed.statements : [];
  if (statements.length === 0) throw new QueryFailure("sql_error", "There is no SQL. Write one SELECT statement.");
  if (statements.length > 1)
    throw new QueryFailure("sql_not_allowed", `These are ${statements.length} statements. Send each by itself.`);
  return new Judge(sql, grants).judge(statements);
}

/** DuckDB writes the infinity that it reads a number as, of which JSON knows none. */
function parse(tree: string): Json {
  try {
    return JSON.parse(tree);
  } catch (cause) {
    if (!/:-?Infinity\b/.test(tree)) throw cause;
    throw new QueryFailure(
      "sql_error",
      "The query has a number that is too large for a DOUBLE, such as 1e400. Where infinity is meant, write 'infinity'::DOUBLE.",
      { cause },
    );
  }
}

function toFailure(sql: string, { error_type: type, error_message: text, position }: Node): QueryFailure {
  const message = String(text);
  if (type === "not implemented" && message.startsWith("Only SELECT"))
    return new QueryFailure(
      "sql_not_allowed",
      "Only a SELECT statement may be run. (A PIVOT is one as SELECT … FROM table PIVOT (… FOR … IN (…)).)",
    );
  const location = position === undefined ? undefined : Number(position);
  return new QueryFailure(
    "sql_error",
    pointAt(sql, location, `${type === "parser" ? "Parser Error: " : ""}${message}`),
  );
}

class Judge {
  readonly #sql: string;
  readonly #grants: readonly GrantedTable[];
  readonly #read = new Map<string, TableReference>();

  constructor(sql: string, grants: readonly GrantedTable[]) {
    this.#sql = sql;
    this.#grants = grants;
  }

  judge(statements: Json[]): TableReference[] {
    this.#visit(statements, { names: new Set(), recurring: new Set() });
    return [...this.#read.values()];
  }

  #visit(json: Json | undefined, scope: Scope): void {
    if (Array.isArray(json)) for (const item of json) this.#visit(item, scope);
    else if (typeof json === "object" && json !== null) this.#visitNode(json, scope);
  }

  #visitNode(node: Node, scope: Scope): void {
    const { type } = node;
    if (type === "SELECT_NODE" || type === "SET_OPERATION_NODE") this.#visitQuery(node, scope);
    else if (type === "RECURSIVE_CTE_NODE") this.#visitRecursion(node, scope);
    else if (type === "TABLE_FUNCTION") this.#visitTableFunction(node, scope);
    else {
      if (type === "BASE_TABLE") this.#readTable(node, scope);
      else if (type === "SHOW_REF") this.#allowDescription(node);
      else if (type === "FUNCTION" || isWindow(type)) this.#allowFunction(node, ALLOWED_FUNCTIONS);
      else if (typeof type === "string" && !isPlain(type)) this.#refuse(node, `${type} is not allowed in a query.`);
      this.#visitAll(node, scope);
    }
  }

  #visitAll(node: Node, scope: Scope, ...except: string[]): void {
    for (const [key, value] of Object.entries(node)) if (!except.includes(key)) this.#visit(value, scope);
  }

  /** A WITH is seen by those that follow it and by the query itself; not by itself, where its name means a table. */
  #visitQuery(node: Node, scope: Scope): void {
    let { names, recurring } = scope;
    for (const entry of listOf(toNode(node.cte_map ?? {}).map)) {
      const { key, value } = toNode(entry);
      this.#visit(value, { names, recurring });
      names = new Set(names).add(foldName(String(key)));
    }
    this.#visitAll(node, { names, recurring }, "cte_map");
  }

  #visitRecursion(node: Node, scope: Scope): void {
    const name = foldName(String(node.cte_name));
    this.#visit(node.left, scope);
    const names = new Set(scope.names).add(name);
    this.#visit(node.right, { names, recurring: new Set(scope.recurring).add(name) });
    this.#visitAll(node, scope, "left", "right");
  }

  #readTable(node: Node, { names, recurring }: Scope): void {
    const [catalog, schema, table] = [node.catalog_name, node.schema_name, node.table_name].map(String);
    const name = foldName(table ?? "");
    if (catalog === "" && schema === "" && names.has(name)) return;
    if (catalog === "" && schema === "recurring" && recurring.has(name)) return;
    if (catalog !== "")
      this.#refuse(node, `"${catalog}" names a database. Write the table as schema.table, without one.`);
    const grant = this.#locate(node, () => resolveTable(this.#grants, schema ?? "", table ?? ""));
    const reference = { grant, schema: schema || MAIN };
    const view = `${foldName(reference.schema)}.${name}`;
    const other = this.#read.get(view);
    if (other !== undefined && other.grant !== grant)
      this.#refuse(node, "One query cannot read two tables whose names differ only in case.");
    this.#read.set(view, reference);
  }

  /** DESCRIBE and SUMMARIZE of a query tell no more than the query could; SHOW lists what is not the caller's. */
  #allowDescription(node: Node): void {
    const isOfQuery = (node.show_type === "DESCRIBE" || node.show_type === "SUMMARY") && node.query !== null;
    if (!isOfQuery || node.table_name !== "")
      this.#refuse(node, "SHOW is not allowed. GET data/tables lists the tables.");
  }

  #visitTableFunction(node: Node, scope: Scope): void {
    const call = toNode(node.function ?? null);
    this.#allowFunction(call, ALLOWED_TABLE_FUNCTIONS);
    this.#visitAll(call, scope);
    this.#visitAll(node, scope, "function");
  }

  #allowFunction(node: Node, allowed: ReadonlySet<string>): void {
    const name = String(node.function_name);
    if (!allowed.has(foldName(name))) this.#refuse(node, `The function ${name} may not be called in a query.`);
  }

  #locate<T>(node: Node, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof QueryFailure)) throw error;
      throw new QueryFailure(error.code, this.#pointAt(node, error.message));
    }
  }

  #refuse(node: Node, message: string): never {
    throw new QueryFailure("sql_not_allowed", this.#pointAt(node, message));
  }

  #pointAt({ query_location: location }: Node, message: string): string {
    return pointAt(this.#sql, typeof location === "number" && location < NO_LOCATION ? location : undefined, message);
  }
}

function isPlain(type: string): boolean {
  return PLAIN.has(type) || type.endsWith("_TYPE_INFO");
}

function isWindow(type: Json | undefined): boolean {
  return typeof type === "string" && type.startsWith("WINDOW_");
}

function toNode(json: Json): Node {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Error("not a tree of SQL");
  return json;
}

function listOf(json: Json | undefined): Json[] {
  return Array.isArray(json) ? json : [];
}
