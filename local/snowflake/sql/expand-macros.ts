import { COMPOUNDS } from "./macros.ts";

const NAME = /sf_\w+(?=\()/y;
const WORD = /[A-Za-z_]\w*/y;

const AGGREGATE =
  /\b(sum|min|max|count|avg|median|mode|any_value|string_agg|arg_min|arg_max|bool_and|bool_or|bit_xor|count_if|stddev\w*|var\w*_\w+|variance|approx_count_distinct|percentile_\w+|quantile\w*|lag|lead|first_value|last_value|nth_value)\(|\bOVER \(/;
/** A translated call or a query: macros name their parameters often, and what stands there would be planned as often. */
const HEAVY = /\bsf_\w+\(|\blist_transform\(|\bSELECT\b/;
const NULL = /^[(\s]*NULL[)\s]*$/;

/**
 * Puts the compound macros of a statement in their places; what is quoted stays as it is. DuckDB cannot tell the type of
 * an aggregate, nor that of NULL, when it chooses an overload: the first goes through a lambda, the second is text. What is heavy goes through a lambda, too, so that it is there once.
 */
export function expandMacros(sql: string): string {
  return expand(sql, { next: 0 });
}

function expand(sql: string, names: { next: number }): string {
  let result = "";
  let at = 0;
  while (at < sql.length) {
    const char = sql.charAt(at);
    if (char === "'" || char === '"') {
      const end = endOfQuoted(sql, at);
      result += sql.slice(at, end);
      at = end;
      continue;
    }
    WORD.lastIndex = at;
    const word = WORD.exec(sql)?.[0];
    if (word === undefined) {
      result += char;
      at += 1;
      continue;
    }
    NAME.lastIndex = at;
    const isCall = NAME.test(sql);
    const compound = COMPOUNDS[word];
    at += word.length;
    if (!isCall) {
      result += word;
      continue;
    }
    const { args, end } = readArguments(sql, at);
    result += callWith(args, names, (given) => {
      if (compound === undefined) return `${word}(${given.join(", ")})`;
      const values = new Map(compound.parameters.map((name, index) => [name, `(${given[index] ?? "NULL"})`]));
      return expand(substitute(compound.body, values), names);
    });
    at = end;
  }
  return result;
}

/** Builds a call; an argument that is an aggregate, or heavy, becomes a lambda's parameter. */
function callWith(args: string[], names: { next: number }, build: (given: string[]) => string): string {
  const hoisted: { name: string; sql: string }[] = [];
  const given = args.map((arg) => {
    const sql = expand(arg, names);
    if (NULL.test(sql)) return "NULL::VARCHAR";
    const bare = sql.replaceAll(/'[^']*'|"[^"]*"/g, "");
    if (!AGGREGATE.test(bare) && !HEAVY.test(bare)) return sql;
    const name = `sfv${names.next}`;
    names.next += 1;
    hoisted.push({ name, sql });
    return name;
  });
  return hoisted.reduce((body, { name, sql }) => `list_transform([${sql}], lambda ${name}: ${body})[1]`, build(given));
}

function endOfQuoted(sql: string, at: number): number {
  const quote = sql.charAt(at);
  const end = sql.indexOf(quote, at + 1);
  return end < 0 ? sql.length : end + 1;
}

/** The arguments between the brackets that open at `open`. */
function readArguments(sql: string, open: number): { args: string[]; end: number } {
  const args: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < sql.length; at += 1) {
    const char = sql.charAt(at);
    if (char === "'" || char === '"') at = endOfQuoted(sql, at) - 1;
    else if ("([{".includes(char)) depth += 1;
    else if (")]}".includes(char)) {
      depth -= 1;
      if (depth > 0) continue;
      args.push(sql.slice(start, at));
      return { args, end: at + 1 };
    } else if (char === "," && depth === 1) {
      args.push(sql.slice(start, at));
      start = at + 1;
    }
  }
  throw new Error(`Unclosed call in the translation: ${sql.slice(open, open + 80)}`);
}

function substitute(body: string, values: Map<string, string>): string {
  return body.replaceAll(/'[^']*'|[A-Za-z_]\w*/g, (word) => values.get(word) ?? word);
}
