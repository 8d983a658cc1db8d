import { fieldSql, type Relation } from "./field.ts";
import type { Comparison, Condition } from "./parse-filters.ts";
import { RestError } from "./rest-error.ts";
import type { Bindings } from "./sql.ts";

const OPERATORS: Record<string, string> = {
  eq: "=",
  neq: "<>",
  gt: ">",
  gte: ">=",
  lt: "<",
  lte: "<=",
  like: "like",
  ilike: "ilike",
  match: "~",
  imatch: "~*",
  cs: "@>",
  cd: "<@",
  ov: "&&",
  sl: "<<",
  sr: ">>",
  nxr: "&<",
  nxl: "&>",
  adj: "-|-",
  isdistinct: "is distinct from",
};

const TEXT_SEARCHES: Record<string, string> = {
  fts: "to_tsquery",
  plfts: "plainto_tsquery",
  phfts: "phraseto_tsquery",
  wfts: "websearch_to_tsquery",
};

const QUANTIFIABLE = new Set(["eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch"]);
const IS_VALUES = new Set(["null", "true", "false", "unknown"]);

/** The `where` clause of all conditions, or nothing when there is none. */
export function whereSql(conditions: Condition[], relation: Relation, bindings: Bindings): string {
  if (conditions.length === 0) return "";
  return ` where ${conditions.map((each) => conditionSql(each, relation, bindings)).join(" and ")}`;
}

function conditionSql(condition: Condition, relation: Relation, bindings: Bindings): string {
  const sql =
    condition.kind === "comparison"
      ? comparisonSql(condition, relation, bindings)
      : `(${condition.conditions.map((each) => conditionSql(each, relation, bindings)).join(` ${condition.operator} `)})`;
  return condition.negated ? `not ${sql}` : sql;
}

function comparisonSql(comparison: Comparison, relation: Relation, bindings: Bindings): string {
  const { operator, quantifier, value } = comparison;
  const field = fieldSql(comparison.field, relation, bindings);
  if (Array.isArray(value)) return `(${field} = any (${bindings.bind(arrayLiteral(value))}))`;
  if (operator === "is") return `(${field} is ${isValue(value)})`;
  const search = TEXT_SEARCHES[operator];
  if (search !== undefined) return `(${field} @@ ${search}(${bindings.bind(value)}))`;
  const sqlOperator = OPERATORS[operator];
  if (sqlOperator === undefined) throw unknownOperator(operator);
  const bound = bindings.bind(operator === "like" || operator === "ilike" ? value.replaceAll("*", "%") : value);
  if (quantifier === undefined) return `(${field} ${sqlOperator} ${bound})`;
  if (!QUANTIFIABLE.has(operator)) throw unknownOperator(`${operator}(${quantifier})`);
  return `(${field} ${sqlOperator} ${quantifier} (${bound}))`;
}

function isValue(value: string): string {
  const word = value.toLowerCase();
  if (word === "not_null") return "not null";
  if (IS_VALUES.has(word)) return word;
  throw new RestError(400, { code: "PGRST100", message: `"failed to parse filter (is.${value})" (line 1, column 4)` });
}

function unknownOperator(operator: string): RestError {
  return new RestError(400, {
    code: "PGRST100",
    message: `"failed to parse filter (${operator})" (line 1, column 1)`,
    details: `unknown operator "${operator}"`,
  });
}

function arrayLiteral(members: string[]): string {
  return `{${members.map((each) => `"${each.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
}
