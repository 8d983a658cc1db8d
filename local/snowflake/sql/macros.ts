import { ARRAY, LTZ, NTZ, OBJECT, TZ, VARIANT } from "../column-type.ts";

const DAY = "86400000000000";
/** Of 64 bits. */
const LARGEST = "9223372036854775807";
const EPOCH = "DATE '1970-01-01'";
const SESSION_ZONE = "current_setting('TimeZone')";
const object = OBJECT.replace("object", '"object"');
const array = ARRAY.replace("array", '"array"');
/** A number alone is seconds, and milliseconds, microseconds or nanoseconds where it would be too many seconds. */
const EPOCH_UNIT =
  "CASE WHEN abs(n) < 31536000000 THEN 1000000000 WHEN abs(n) < 31536000000000 THEN 1000000 WHEN abs(n) < 31536000000000000 THEN 1000 ELSE 1 END";
const MOMENT =
  "^\\s*\\d{4}-\\d{1,2}-\\d{1,2}([T ]\\d{1,2}:\\d{2}(:\\d{2}(\\.\\d{0,9})?)?)?\\s*(Z|[+-]\\d{1,2}:?\\d{2})?\\s*$";
/** A failing cast and not error(), which TRY does not catch. */
const fail = (message: string, type: string) => `CAST(${message} AS ${type})`;

/** Types that a moment may be computed from. */
const MOMENTS = [NTZ, LTZ, TZ, "TIMESTAMP", "VARCHAR"];

/** Scalar macros: name, parameters of each overload, body. Moments are nanoseconds in HUGEINT. */
const MACROS: [name: string, ...overloads: [parameters: string, body: string][]][] = [
  // DuckDB divides 128 bits a hundred times slower than 64.
  [
    "fdiv",
    [
      "a, b",
      `(CASE WHEN a BETWEEN 0 AND ${LARGEST} THEN (a::BIGINT // b)::HUGEINT WHEN a >= 0 THEN a // b WHEN a % b < 0 THEN a // b - 1 ELSE a // b END)`,
    ],
  ],
  [
    "fmod",
    [
      "a, b",
      `(CASE WHEN a BETWEEN 0 AND ${LARGEST} THEN (a::BIGINT % b)::HUGEINT WHEN a >= 0 THEN a % b ELSE ((a % b) + b) % b END)`,
    ],
  ],
  ["ts", ["w", "make_timestamp(sf_fdiv(w, 1000)::BIGINT)"]],
  ["nanos", ["t", "(epoch_us(t)::HUGEINT * 1000)"]],
  [
    "off_in",
    ["z, u", "(epoch_us(timezone(z, make_timestamptz(sf_fdiv(u, 1000)::BIGINT)))::HUGEINT - sf_fdiv(u, 1000)) * 1000"],
  ],
  ["from_zone", ["z, w", "(epoch_us(timezone(z, sf_ts(w)))::HUGEINT * 1000 + sf_fmod(w, 1000))"]],
  ["mkntz", ["n", "(CASE WHEN n IS NULL THEN NULL ELSE {'ntz': n::HUGEINT} END)"]],
  ["mkltz", ["n", "(CASE WHEN n IS NULL THEN NULL ELSE {'ltz': n::HUGEINT} END)"]],
  ["mktz", ["n, o", "(CASE WHEN n IS NULL OR o IS NULL THEN NULL ELSE {'tz': n::HUGEINT, 'off': o::SMALLINT} END)"]],
  ["mkvariant", ["t", "(CASE WHEN t IS NULL THEN NULL ELSE {'variant': t::VARCHAR} END)"]],
  ["mkobject", ["t", "(CASE WHEN t IS NULL THEN NULL ELSE {'object': t::VARCHAR} END)"]],
  ["mkarray", ["t", "(CASE WHEN t IS NULL THEN NULL ELSE {'array': t::VARCHAR} END)"]],
  ["number_nanos", ["n", `(n * ${EPOCH_UNIT})::DECIMAL(38,0)::HUGEINT`]],
  [
    "parse_wall",
    [
      "t",
      `(CASE WHEN regexp_matches(t, '^\\s*-?\\d+(\\.\\d+)?\\s*$') THEN sf_number_nanos(trim(t)::DECIMAL(38,9))
        WHEN regexp_matches(t, '${MOMENT}') THEN sf_nanos(regexp_extract(trim(t), '^\\d{4}-\\d{1,2}-\\d{1,2}(?:[T ]\\d{1,2}:\\d{2}(?::\\d{2})?)?')::TIMESTAMP)
          + rpad(regexp_extract(t, '\\.(\\d{1,9})', 1), 9, '0')::HUGEINT
        WHEN t IS NULL THEN NULL
        ELSE ${fail("'Timestamp ''' || t || ''' is not recognized'", "HUGEINT")} END)`,
    ],
  ],
  [
    "parse_offset",
    [
      "t",
      `(CASE regexp_extract(trim(t), '\\d[T ]\\d.*?\\s*(Z|[+-]\\d{1,2}:?\\d{2})$', 1) WHEN '' THEN NULL WHEN 'Z' THEN 0
        ELSE (regexp_extract(trim(t), '([+-])\\d{1,2}:?\\d{2}$', 1) || '1')::INTEGER
          * (regexp_extract(trim(t), '[+-](\\d{1,2}):?\\d{2}$', 1)::INTEGER * 60 + right(trim(t), 2)::INTEGER) END)`,
    ],
  ],
  [
    "wall",
    [`a ${NTZ}`, "a.ntz"],
    [`a ${LTZ}`, `(a.ltz + sf_off_in(${SESSION_ZONE}, a.ltz))`],
    [`a ${TZ}`, "(a.tz + a.off::HUGEINT * 60000000000)"],
    ["a DATE", `((a - ${EPOCH})::HUGEINT * ${DAY})`],
    ["a TIME_NS", "epoch_ns(a)::HUGEINT"],
    ["a TIMESTAMP", "sf_nanos(a)"],
    ["a VARCHAR", "sf_parse_wall(a)"],
    [`a ${VARIANT}`, "sf_parse_wall(json_extract_string(a.variant, '$'))"],
    ["a", "sf_number_nanos(a::DECIMAL(38,9))"],
  ],
  [
    "text_utc",
    [
      "a",
      `(CASE WHEN sf_parse_offset(a) IS NOT NULL THEN sf_parse_wall(a) - sf_parse_offset(a)::HUGEINT * 60000000000 WHEN contains(trim(a), '-') THEN sf_from_zone(${SESSION_ZONE}, sf_parse_wall(a)) ELSE sf_parse_wall(a) END)`,
    ],
  ],
  [
    "utc",
    [`a ${NTZ}`, `sf_from_zone(${SESSION_ZONE}, a.ntz)`],
    [`a ${LTZ}`, "a.ltz"],
    [`a ${TZ}`, "a.tz"],
    ["a DATE", `sf_from_zone(${SESSION_ZONE}, sf_wall(a))`],
    ["a TIMESTAMP", `sf_from_zone(${SESSION_ZONE}, sf_nanos(a))`],
    ["a VARCHAR", "sf_text_utc(a)"],
    [`a ${VARIANT}`, "sf_text_utc(json_extract_string(a.variant, '$'))"],
    ["a", "sf_number_nanos(a::DECIMAL(38,9))"],
  ],
  [
    "travel",
    [`a ${NTZ}`, "a.ntz"],
    ["a DATE", "sf_wall(a)"],
    ["a VARCHAR", "(sf_parse_wall(a) - coalesce(sf_parse_offset(a), 0)::HUGEINT * 60000000000)"],
    ...[LTZ, TZ].map((type): [string, string] => [`a ${type}`, "sf_utc(a)"]),
  ],
  [
    "offset",
    [`a ${TZ}`, "a.off"],
    ["a VARCHAR", `coalesce(sf_parse_offset(a), sf_off_in(${SESSION_ZONE}, sf_text_utc(a)) // 60000000000)`],
    [`a ${LTZ}`, `sf_off_in(${SESSION_ZONE}, a.ltz) // 60000000000`],
    ...[NTZ, "DATE", "TIMESTAMP"].map((type): [string, string] => [
      `a ${type}`,
      `sf_off_in(${SESSION_ZONE}, sf_utc(a)) // 60000000000`,
    ]),
    ["a", "0"],
  ],
  ["to_zone", ["z, u", "sf_mktz(u, sf_off_in(z, u) // 60000000000)"]],
  ["zone_minutes", [`a ${TZ}`, "a.off"], [`a ${LTZ}`, `sf_off_in(${SESSION_ZONE}, a.ltz) // 60000000000`], ["a", "0"]],
  [
    "rewall",
    [`a ${LTZ}, w`, `sf_mkltz(sf_from_zone(${SESSION_ZONE}, w))`],
    [`a ${TZ}, w`, "sf_mktz(w - a.off::HUGEINT * 60000000000, a.off)"],
    ["a, w", "sf_mkntz(w)"],
  ],
  [
    "scaled",
    [`a ${NTZ}, u`, "sf_mkntz(a.ntz - sf_fmod(a.ntz, u))"],
    [`a ${LTZ}, u`, "sf_mkltz(a.ltz - sf_fmod(a.ltz, u))"],
    [`a ${TZ}, u`, "sf_mktz(a.tz - sf_fmod(a.tz, u), a.off)"],
  ],
  [
    "to_time",
    ["a TIME_NS", "a"],
    ["a VARCHAR", "a::TIME_NS"],
    ...[NTZ, LTZ, TZ, "TIMESTAMP", VARIANT].map((type): [string, string] => [
      `a ${type}`,
      "(strftime(sf_ts(sf_wall(a)), '%H:%M:%S') || '.' || lpad(sf_fmod(sf_wall(a), 1000000000)::VARCHAR, 9, '0'))::TIME_NS",
    ]),
    ["a", "a::VARCHAR::TIME_NS"],
  ],
  [
    "clock",
    [
      "a",
      "strftime(sf_ts(a), '%Y-%m-%d %H:%M:%S') || '.' || lpad((sf_fmod(a, 1000000000) // 1000000)::VARCHAR, 3, '0')",
    ],
  ],
  [
    "zone_text",
    [
      "m",
      "(CASE WHEN m < 0 THEN '-' ELSE '+' END || lpad((abs(m) // 60)::VARCHAR, 2, '0') || lpad((abs(m) % 60)::VARCHAR, 2, '0'))",
    ],
  ],
  [
    "text",
    ["a VARCHAR", "a"],
    [`a ${NTZ}`, "sf_clock(a.ntz)"],
    [`a ${LTZ}`, "sf_clock(sf_wall(a)) || ' ' || sf_zone_text(sf_zone_minutes(a))"],
    [`a ${TZ}`, "sf_clock(sf_wall(a)) || ' ' || sf_zone_text(a.off)"],
    ["a DATE", "strftime(a, '%Y-%m-%d')"],
    ["a TIME_NS", "left(a::VARCHAR, 8)"],
    ["a BLOB", "hex(a)"],
    [`a ${VARIANT}`, "json_extract_string(a.variant, '$')"],
    [`a ${object}`, 'a."object"'],
    [`a ${array}`, 'a."array"'],
    // No overload for DOUBLE: decimals would be cast to it.
    ["a", "(CASE typeof(a) WHEN 'DOUBLE' THEN regexp_replace(a::VARCHAR, '\\.0$', '') ELSE a::VARCHAR END)"],
  ],
  [
    "json",
    ["a VARCHAR", "to_json(a)::VARCHAR"],
    [`a ${VARIANT}`, "a.variant"],
    [`a ${object}`, 'a."object"'],
    [`a ${array}`, 'a."array"'],
    ["a DATE", "to_json(sf_text(a))::VARCHAR"],
    ["a TIME_NS", "to_json(a::VARCHAR)::VARCHAR"],
    [`a ${NTZ}`, "to_json(sf_text(a))::VARCHAR"],
    [`a ${LTZ}`, "to_json(sf_text(a))::VARCHAR"],
    [`a ${TZ}`, "to_json(sf_text(a))::VARCHAR"],
    ["a BLOB", "to_json(hex(a))::VARCHAR"],
    ["a", "a::VARCHAR"],
  ],
  ["plain", [`a ${VARIANT}`, "json_extract_string(a.variant, '$')"], ["a", "a"]],
  [
    "to_blob",
    ["a BLOB", "a"],
    ["a VARCHAR", "unhex(a)"],
    [`a ${VARIANT}`, "unhex(json_extract_string(a.variant, '$'))"],
    ["a", "unhex(a::VARCHAR)"],
  ],
  [
    "to_boolean",
    [
      "a VARCHAR",
      "(CASE WHEN lower(a) IN ('true','t','yes','y','on','1') THEN true WHEN lower(a) IN ('false','f','no','n','off','0') THEN false ELSE a::BOOLEAN END)",
    ],
    [`a ${VARIANT}`, "json_extract_string(a.variant, '$')::BOOLEAN"],
    ["a", "a::BOOLEAN"],
  ],
  ["index_path", ["i VARCHAR", `'$."' || i || '"'`], ["i", "'$[' || i || ']'"]],
  [
    "side",
    [`a ${NTZ}, b ${LTZ}`, "sf_utc(a)"],
    [`a ${NTZ}, b ${TZ}`, "sf_utc(a)"],
    [`a ${NTZ}, b`, "a.ntz"],
    [`a ${LTZ}, b`, "a.ltz"],
    [`a ${TZ}, b`, "a.tz"],
    ...["VARCHAR", "DATE"].flatMap((type): [string, string][] => [
      [`a ${type}, b ${NTZ}`, "sf_wall(a)"],
      [`a ${type}, b ${LTZ}`, "sf_utc(a)"],
      [`a ${type}, b ${TZ}`, "sf_utc(a)"],
    ]),
    ["a, b", "a"],
  ],
  [
    "add_days",
    ["a DATE, n", "(a + (n)::INTEGER)"],
    ...MOMENTS.map((type): [string, string] => [`a ${type}, n`, `sf_rewall(a, sf_wall(a) + (n)::HUGEINT * ${DAY})`]),
  ],
  [
    "add_months",
    ["a DATE, n", "CAST(a + to_months((n)::INTEGER) AS DATE)"],
    ...MOMENTS.map((type): [string, string] => [
      `a ${type}, n`,
      "sf_rewall(a, sf_nanos(sf_ts(sf_wall(a)) + to_months((n)::INTEGER)) + sf_fmod(sf_wall(a), 1000))",
    ]),
  ],
  [
    "add_span",
    ["a DATE, i", "CAST(a + i AS DATE)"],
    ...MOMENTS.map((type): [string, string] => [
      `a ${type}, i`,
      "sf_rewall(a, sf_nanos(sf_ts(sf_wall(a)) + i) + sf_fmod(sf_wall(a), 1000))",
    ]),
  ],
  [
    "trunc",
    ["p, a DATE", "CAST(date_trunc(p, a) AS DATE)"],
    ...MOMENTS.map((type): [string, string] => [
      `p, a ${type}`,
      "sf_rewall(a, sf_nanos(date_trunc(p, sf_ts(sf_wall(a)))))",
    ]),
  ],
  [
    "epoch",
    [`a ${LTZ}`, "a.ltz"],
    [`a ${TZ}`, "a.tz"],
    ...[NTZ, "DATE", "TIME_NS", "VARCHAR", "TIMESTAMP"].map((type): [string, string] => [`a ${type}`, "sf_wall(a)"]),
  ],
  ["hex64", ["t", "('0x' || t)::UBIGINT::DECIMAL(38,0)"]],
  ["nonzero", ["a", "(CASE WHEN a = 0 THEN CAST(error('Division by zero') AS INTEGER) ELSE a END)"]],
];

/**
 * DuckDB refuses a macro without types that calls one with overloads: these are put in their places before DuckDB sees
 * the statement.
 */
export const COMPOUNDS: Record<string, { parameters: string[]; body: string }> = {
  sf_to_ntz: { parameters: ["a"], body: "sf_mkntz(sf_wall(a))" },
  sf_to_ltz: { parameters: ["a"], body: "sf_mkltz(sf_utc(a))" },
  sf_to_tz: { parameters: ["a"], body: "sf_mktz(sf_utc(a), sf_offset(a))" },
  sf_to_date: { parameters: ["a"], body: `(${EPOCH} + sf_fdiv(sf_wall(a), ${DAY})::INTEGER)` },
  sf_to_variant: { parameters: ["a"], body: "sf_mkvariant(sf_json(a))" },
  sf_to_object: { parameters: ["a"], body: "sf_mkobject(sf_json(a))" },
  sf_to_array: {
    parameters: ["a"],
    body: "sf_mkarray(CASE WHEN json_type(sf_json(a)) = 'ARRAY' THEN sf_json(a) ELSE '[' || sf_json(a) || ']' END)",
  },
  sf_parse_json: { parameters: ["a"], body: "sf_mkvariant(json(sf_plain(a)))" },
  sf_path: { parameters: ["a", "p"], body: "sf_mkvariant(json_extract(sf_json(a), p))" },
  sf_get: { parameters: ["a", "i"], body: "sf_mkvariant(json_extract(sf_json(a), sf_index_path(i)))" },
  sf_array_size: {
    parameters: ["a"],
    body: "(CASE WHEN json_type(sf_json(a)) = 'ARRAY' THEN json_array_length(sf_json(a)) END)",
  },
  sf_add_nanos: { parameters: ["a", "n"], body: "sf_rewall(a, sf_wall(a) + (n)::HUGEINT)" },
  sf_add_interval: {
    parameters: ["a", "i"],
    body: "sf_rewall(a, sf_nanos(sf_ts(sf_wall(a)) + i) + sf_fmod(sf_wall(a), 1000))",
  },
  sf_units: { parameters: ["a", "u"], body: "sf_fdiv(sf_wall(a), u)::BIGINT" },
  sf_part: { parameters: ["p", "a"], body: "date_part(p, sf_ts(sf_wall(a)))" },
};

/** The statements that make what DuckDB lacks of Snowflake's functions; all names begin with `sf_`. */
export function macroStatements(): string[] {
  return MACROS.map(([name, ...overloads]) => {
    const bodies = overloads.map(([parameters, body]) => `(${parameters}) AS ${body}`);
    return `CREATE OR REPLACE MACRO sf_${name}${bodies.join(", ")}`;
  });
}
