import { SnowflakeError, unsupported } from "../snowflake-error.ts";
import { addSql, datePart, differenceSql, partSql, truncateSql } from "./date-parts.ts";
import { formatSql, isDateFormat, parseSql } from "./format-model.ts";
import { quoteText } from "./identifiers.ts";
import type { Node } from "./token-tree.ts";

export interface Argument {
  sql: string;
  nodes: Node[];
}

/** What functions of the session answer with, as literals of DuckDB. */
export interface FunctionContext {
  constants: ReadonlyMap<string, string>;
  /** Answers LAST_QUERY_ID(n). */
  lastQueryId(back: number): string | undefined;
  /** Ends a query; answers whether it ran. */
  cancelQuery(id: string): boolean;
}

/** Where the order of WITHIN GROUP goes. */
export const ORDER_MARK = "/* order */";

type Translate = (args: Argument[], context: FunctionContext) => string;

/** Functions that DuckDB has under the same name and with the same meaning. */
const SAME = new Set(
  `ABS CEIL FLOOR ROUND SQRT EXP LN POWER POW SIGN MOD GREATEST LEAST COALESCE NULLIF UPPER LOWER LENGTH SUBSTR SUBSTRING
  LEFT RIGHT TRIM LTRIM RTRIM LPAD RPAD REPLACE CONTAINS REVERSE REPEAT ASCII CHR TRANSLATE SPLIT_PART COUNT SUM AVG MIN MAX
  MEDIAN STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP APPROX_COUNT_DISTINCT ANY_VALUE ROW_NUMBER RANK
  DENSE_RANK PERCENT_RANK CUME_DIST NTILE LAG LEAD FIRST_VALUE LAST_VALUE NTH_VALUE CORR COVAR_POP COVAR_SAMP MODE
  PERCENTILE_CONT PERCENTILE_DISC SIN COS TAN ASIN ACOS ATAN ATAN2 DEGREES RADIANS PI CBRT FACTORIAL GROUPING KURTOSIS
  SKEW`.split(/\s+/),
);

const RENAMED: Record<string, string> = {
  LEN: "length",
  CEILING: "ceil",
  TRUNC_NUMBER: "trunc",
  NVL: "coalesce",
  IFNULL: "coalesce",
  STARTSWITH: "starts_with",
  ENDSWITH: "ends_with",
  CHAR: "chr",
  COUNT_IF: "count_if",
  STRING_AGG: "string_agg",
  BOOLAND_AGG: "bool_and",
  BOOLOR_AGG: "bool_or",
  MIN_BY: "arg_min",
  MAX_BY: "arg_max",
  REGEXP_LIKE: "regexp_full_match",
  RLIKE: "regexp_full_match",
  EDITDISTANCE: "levenshtein",
  INSTR: "strpos",
  JAROWINKLER_SIMILARITY: "jaro_winkler_similarity",
  TO_VARIANT: "sf_to_variant",
  TO_OBJECT: "sf_to_object",
  TO_ARRAY: "sf_to_array",
  PARSE_JSON: "sf_parse_json",
  GET: "sf_get",
  ARRAY_SIZE: "sf_array_size",
  TO_BOOLEAN: "sf_to_boolean",
};

const sql = (args: Argument[], at: number): string => {
  const found = args[at];
  if (found === undefined)
    throw new SnowflakeError("000938", "22023", "SQL compilation error:\nnot enough arguments for function");
  return found.sql;
};

/** The text of a literal argument, or the name that stands there as a word. */
const literal = (args: Argument[], at: number): string | undefined => {
  const [node, more] = args[at]?.nodes ?? [];
  if (node === undefined || more !== undefined || node.kind === "group") return undefined;
  return node.text;
};

const jsonOf = (one: Argument) => (one.sql === "NULL" ? "NULL::JSON" : `sf_json(${one.sql})::JSON`);

const part = (args: Argument[], at: number) => datePart(literal(args, at) ?? sql(args, at));

const call =
  (macro: string): Translate =>
  (args) =>
    `${macro}(${args.map((one) => one.sql).join(", ")})`;

const decimal = (value: string, args: Argument[], from: number) => {
  const sizes = args.slice(from).map((one) => Number(one.sql));
  return `CAST(sf_plain(${value}) AS DECIMAL(${sizes[0] ?? 38},${sizes[1] ?? 0}))`;
};

const toNumber: Translate = (args) => {
  const format = args[1]?.nodes[0]?.kind === "string" ? literal(args, 1) : undefined;
  if (format === undefined) return decimal(sql(args, 0), args, 1);
  if (/^X+$/i.test(format)) return `sf_hex64(${sql(args, 0)})`;
  if (/^[09,.$S]+$/.test(format)) return decimal(`regexp_replace(${sql(args, 0)}, '[,$]', '', 'g')`, args, 2);
  throw unsupported(`TO_NUMBER with the format ${format}`);
};

const toText: Translate = (args) => {
  if (args.length < 2) return `sf_text(${sql(args, 0)})`;
  const format = literal(args, 1);
  if (format === undefined) throw unsupported("TO_CHAR with a format that is no literal");
  const value = sql(args, 0);
  if (isDateFormat(format)) return formatSql(value, format);
  if (/^HEX$/i.test(format)) return `hex(${value})`;
  if (/^BASE64$/i.test(format)) return `base64(${value})`;
  if (/^UTF-?8$/i.test(format)) return `decode(${value})`;
  if (/^TM9?$/i.test(format)) return `sf_text(${value})`;
  if (/^X+$/.test(format)) return `printf('%X', (${value})::BIGINT)`;
  throw unsupported(`TO_CHAR with the format ${format}`);
};

const toMoment =
  (macro: string): Translate =>
  (args) => {
    const second = args[1]?.nodes[0];
    if (second === undefined) return `${macro}(${sql(args, 0)})`;
    const format = literal(args, 1) ?? "";
    const counted = macro === "sf_to_ltz" || macro === "sf_to_tz" ? "sf_mkltz" : "sf_mkntz";
    if (second.kind === "number")
      return `${macro}(${counted}((${sql(args, 0)})::HUGEINT * ${10 ** (9 - Number(format))}))`;
    if (/^AUTO$/i.test(format) || /TZ/i.test(format)) return `${macro}(${sql(args, 0)})`;
    return `${macro}(${parseSql(sql(args, 0), format)})`;
  };

const attempt =
  (translate: Translate): Translate =>
  (args, context) =>
    `TRY(${translate(args, context)})`;

const datePieces: Record<string, Translate> = Object.fromEntries(
  [
    ...["YEAR", "QUARTER", "MONTH", "WEEK", "WEEKISO", "DAY", "DAYOFMONTH", "DAYOFWEEK", "DAYOFWEEKISO", "DAYOFYEAR"],
    ...["HOUR", "MINUTE", "SECOND", "WEEKOFYEAR", "YEAROFWEEKISO"],
  ].map((name): [string, Translate] => [name, (args) => partSql(datePart(name), sql(args, 0))]),
);

const add: Translate = (args) => addSql(part(args, 0), sql(args, 1), sql(args, 2));
const difference: Translate = (args) => differenceSql(part(args, 0), sql(args, 1), sql(args, 2));

const convertTimezone: Translate = (args) =>
  args.length > 2
    ? `sf_mkntz(sf_wall(sf_to_zone(${sql(args, 1)}, sf_from_zone(${sql(args, 0)}, sf_wall(${sql(args, 2)})))))`
    : `sf_to_zone(${sql(args, 0)}, sf_utc(${sql(args, 1)}))`;

const refuse =
  (why: string): Translate =>
  () => {
    throw unsupported(why);
  };

const TRANSLATED: Record<string, Translate> = {
  ...datePieces,
  IFF: (args) => `CASE WHEN ${sql(args, 0)} THEN ${sql(args, 1)} ELSE ${sql(args, 2)} END`,
  NVL2: (args) => `CASE WHEN ${sql(args, 0)} IS NOT NULL THEN ${sql(args, 1)} ELSE ${sql(args, 2)} END`,
  ZEROIFNULL: (args) => `coalesce(${sql(args, 0)}, 0)`,
  NULLIFZERO: (args) => `nullif(${sql(args, 0)}, 0)`,
  DIV0: (args) => `CASE WHEN ${sql(args, 1)} = 0 THEN 0 ELSE ${sql(args, 0)} / ${sql(args, 1)} END`,
  EQUAL_NULL: (args) => `(${sql(args, 0)} IS NOT DISTINCT FROM ${sql(args, 1)})`,
  DECODE: (args) => {
    const pairs = args.slice(1);
    const cases = pairs.flatMap((when, at) =>
      at % 2 === 0 && pairs[at + 1]
        ? [`WHEN ${sql(args, 0)} IS NOT DISTINCT FROM ${when.sql} THEN ${pairs[at + 1]?.sql}`]
        : [],
    );
    return `CASE ${cases.join(" ")} ELSE ${pairs.length % 2 === 1 ? pairs.at(-1)?.sql : "NULL"} END`;
  },
  CONCAT: (args) => `(${args.map((one) => `sf_text(${one.sql})`).join(" || ")})`,
  CONCAT_WS: (args) =>
    `(${args
      .slice(1)
      .map((one) => `sf_text(${one.sql})`)
      .join(` || ${sql(args, 0)} || `)})`,
  CHARINDEX: (args) => `strpos(${sql(args, 1)}, ${sql(args, 0)})`,
  POSITION: (args) => `strpos(${sql(args, 1)}, ${sql(args, 0)})`,
  INITCAP: (args) =>
    `array_to_string(list_transform(string_split(lower(${sql(args, 0)}), ' '), lambda w: upper(w[1]) || w[2:]), ' ')`,
  TRUNC: (args) =>
    args.length === 2 && args[1]?.nodes[0]?.kind !== "number"
      ? truncateSql(part(args, 1), sql(args, 0))
      : `trunc(${args.map((one) => one.sql).join(", ")})`,
  SQUARE: (args) => `((${sql(args, 0)}) * (${sql(args, 0)}))`,
  LOG: (args) => `(ln(${sql(args, 1)}) / ln(${sql(args, 0)}))`,
  OCTET_LENGTH: (args) => `strlen(${sql(args, 0)})`,
  REGEXP_REPLACE: (args) => `regexp_replace(${sql(args, 0)}, ${sql(args, 1)}, ${args[2]?.sql ?? "''"}, 'g')`,
  REGEXP_SUBSTR: (args) => `nullif(regexp_extract(${sql(args, 0)}, ${sql(args, 1)}), '')`,
  REGEXP_COUNT: (args) => `len(regexp_extract_all(${sql(args, 0)}, ${sql(args, 1)}))`,
  UUID_STRING: () => "uuid()::VARCHAR",
  RANDOM: () => "((random() - 0.5) * 18446744073709551615)::HUGEINT::BIGINT",
  UNIFORM: (args) => `(${sql(args, 0)} + floor(random() * (${sql(args, 1)} - ${sql(args, 0)} + 1)))::BIGINT`,
  SEQ4: () => "(row_number() OVER () - 1)",
  SEQ8: () => "(row_number() OVER () - 1)",
  BITAND: (args) => `((${sql(args, 0)})::HUGEINT & (${sql(args, 1)})::HUGEINT)`,
  BITOR: (args) => `((${sql(args, 0)})::HUGEINT | (${sql(args, 1)})::HUGEINT)`,
  BITXOR: (args) => `xor((${sql(args, 0)})::HUGEINT, (${sql(args, 1)})::HUGEINT)`,
  BITXOR_AGG: (args) => `bit_xor((${sql(args, 0)})::HUGEINT)`,
  BITSHIFTLEFT: (args) => `((${sql(args, 0)})::HUGEINT << (${sql(args, 1)})::INTEGER)`,
  BITSHIFTRIGHT: (args) => `((${sql(args, 0)})::HUGEINT >> (${sql(args, 1)})::INTEGER)`,
  MD5: (args) => `md5(sf_text(${sql(args, 0)}))`,
  MD5_HEX: (args) => `md5(sf_text(${sql(args, 0)}))`,
  MD5_BINARY: (args) => `unhex(md5(sf_text(${sql(args, 0)})))`,
  MD5_NUMBER_UPPER64: (args) => `sf_hex64(left(md5(sf_text(${sql(args, 0)})), 16))`,
  MD5_NUMBER_LOWER64: (args) => `sf_hex64(right(md5(sf_text(${sql(args, 0)})), 16))`,
  SHA1: (args) => `sha1(sf_text(${sql(args, 0)}))`,
  SHA1_HEX: (args) => `sha1(sf_text(${sql(args, 0)}))`,
  SHA2: (args) => {
    if ((args[1]?.sql ?? "256") !== "256") throw unsupported("SHA2 of another length than 256");
    return `sha256(sf_text(${sql(args, 0)}))`;
  },
  HASH: refuse("HASH, whose values nobody else can compute"),
  HASH_AGG: refuse("HASH_AGG, whose values nobody else can compute"),
  TO_NUMBER: toNumber,
  TO_DECIMAL: toNumber,
  TO_NUMERIC: toNumber,
  TRY_TO_NUMBER: attempt(toNumber),
  TRY_TO_DECIMAL: attempt(toNumber),
  TRY_TO_NUMERIC: attempt(toNumber),
  TO_DOUBLE: (args) => `CAST(sf_plain(${sql(args, 0)}) AS DOUBLE)`,
  TRY_TO_DOUBLE: (args) => `TRY_CAST(sf_plain(${sql(args, 0)}) AS DOUBLE)`,
  TRY_TO_BOOLEAN: attempt(call("sf_to_boolean")),
  TO_CHAR: toText,
  TO_VARCHAR: toText,
  TO_DATE: toMoment("sf_to_date"),
  DATE: toMoment("sf_to_date"),
  TRY_TO_DATE: attempt(toMoment("sf_to_date")),
  TO_TIME: toMoment("sf_to_time"),
  TIME: toMoment("sf_to_time"),
  TRY_TO_TIME: attempt(toMoment("sf_to_time")),
  TO_TIMESTAMP: toMoment("sf_to_ntz"),
  TO_TIMESTAMP_NTZ: toMoment("sf_to_ntz"),
  TO_TIMESTAMP_LTZ: toMoment("sf_to_ltz"),
  TO_TIMESTAMP_TZ: toMoment("sf_to_tz"),
  TRY_TO_TIMESTAMP: attempt(toMoment("sf_to_ntz")),
  TRY_TO_TIMESTAMP_NTZ: attempt(toMoment("sf_to_ntz")),
  TRY_TO_TIMESTAMP_LTZ: attempt(toMoment("sf_to_ltz")),
  TRY_TO_TIMESTAMP_TZ: attempt(toMoment("sf_to_tz")),
  DATE_FROM_PARTS: (args) => `make_date(${[0, 1, 2].map((at) => `(${sql(args, at)})::BIGINT`).join(", ")})`,
  TIMESTAMP_NTZ_FROM_PARTS: (args) =>
    `sf_mkntz(sf_nanos(make_timestamp(${[0, 1, 2, 3, 4].map((at) => `(${sql(args, at)})::BIGINT`).join(", ")}, (${sql(args, 5)})::DOUBLE)) + ${args[6]?.sql ?? "0"})`,
  CONVERT_TIMEZONE: convertTimezone,
  DATEADD: add,
  TIMEADD: add,
  TIMESTAMPADD: add,
  DATEDIFF: difference,
  TIMEDIFF: difference,
  TIMESTAMPDIFF: difference,
  DATE_TRUNC: (args) => truncateSql(part(args, 0), sql(args, 1)),
  DATE_PART: (args) => partSql(part(args, 0), sql(args, 1)),
  ADD_MONTHS: (args) => `sf_add_months(${sql(args, 0)}, ${sql(args, 1)})`,
  LAST_DAY: (args) => `last_day(sf_to_date(${sql(args, 0)}))`,
  DAYNAME: (args) => formatSql(sql(args, 0), "DY"),
  MONTHNAME: (args) => formatSql(sql(args, 0), "MON"),
  TRY_PARSE_JSON: attempt(call("sf_parse_json")),
  CHECK_JSON: (args) => `CASE WHEN json_valid(${sql(args, 0)}) THEN NULL ELSE 'invalid JSON' END`,
  TO_JSON: (args) => `sf_json(${sql(args, 0)})`,
  GET_PATH: (args) => `sf_path(${sql(args, 0)}, '$.' || ${sql(args, 1)})`,
  TYPEOF: (args) => `json_type(sf_json(${sql(args, 0)}))`,
  OBJECT_CONSTRUCT: (args) => {
    const pairs = args.map((one, at) => (at % 2 === 0 ? one.sql : jsonOf(one)));
    return `sf_mkobject(json_merge_patch('{}', json_object(${pairs.join(", ")}))::VARCHAR)`;
  },
  OBJECT_KEYS: (args) => `sf_mkarray(to_json(json_keys(sf_json(${sql(args, 0)}))))`,
  ARRAY_CONSTRUCT: (args) => `sf_mkarray(json_array(${args.map(jsonOf).join(", ")}))`,
  ARRAY_AGG: (args) => `sf_mkarray('[' || coalesce(string_agg(sf_json(${sql(args, 0)}), ','${ORDER_MARK}), '') || ']')`,
  LISTAGG: (args) => `string_agg(sf_text(${sql(args, 0)}), ${args[1]?.sql ?? "''"}${ORDER_MARK})`,
  TO_BINARY: (args) => {
    const format = literal(args, 1)?.toUpperCase() ?? "HEX";
    if (format === "HEX") return `sf_to_blob(${sql(args, 0)})`;
    return format === "BASE64" ? `from_base64(${sql(args, 0)})` : `encode(${sql(args, 0)})`;
  },
  HEX_ENCODE: (args) => `hex(${sql(args, 0)})`,
  HEX_DECODE_BINARY: (args) => `unhex(${sql(args, 0)})`,
  HEX_DECODE_STRING: (args) => `decode(unhex(${sql(args, 0)}))`,
  BASE64_ENCODE: (args) => `base64(encode(${sql(args, 0)}))`,
  BASE64_DECODE_STRING: (args) => `decode(from_base64(${sql(args, 0)}))`,
  SYSTEM$WAIT: (args) => `('waited ' || ${sql(args, 0)} || ' ' || lower(${args[1]?.sql ?? "'seconds'"}))`,
  SYSTEM$CANCEL_QUERY: (args, context) =>
    context.cancelQuery(literal(args, 0) ?? "")
      ? "'query terminated.'"
      : "'Identified SQL statement is not currently executing.'",
  SYSTEM$TYPEOF: (args) => `typeof(${sql(args, 0)})`,
  LAST_QUERY_ID: (args, context) => {
    const found = context.lastQueryId(Number(args[0]?.sql.replaceAll(/\s/g, "") ?? -1));
    return found === undefined ? "NULL::VARCHAR" : quoteText(found);
  },
};

/** Functions whose value is a moment: what is compared with them is one, too. */
export const MOMENT_FUNCTIONS = new Set(
  `TO_TIMESTAMP TO_TIMESTAMP_NTZ TO_TIMESTAMP_LTZ TO_TIMESTAMP_TZ CURRENT_TIMESTAMP LOCALTIMESTAMP GETDATE SYSTIMESTAMP
  SYSDATE CONVERT_TIMEZONE DATEADD TIMEADD TIMESTAMPADD DATE_TRUNC TRY_TO_TIMESTAMP TRY_TO_TIMESTAMP_NTZ TO_DATE
  ADD_MONTHS TIMESTAMP_NTZ_FROM_PARTS CURRENT_DATE`.split(/\s+/),
);

/** SQL of a call; undefined when Snowflake's function of that name is unknown here. */
export function callSql(name: string, args: Argument[], context: FunctionContext): string | undefined {
  const constant = context.constants.get(name);
  if (constant !== undefined) return constant;
  const translate = TRANSLATED[name];
  if (translate !== undefined) return translate(args, context);
  const renamed = RENAMED[name] ?? (SAME.has(name) ? name.toLowerCase() : undefined);
  return renamed === undefined ? undefined : call(renamed)(args, context);
}
