import type { DataTable } from "../../shared/contract/data.ts";
import { quoteName, sourceSql, tableSql } from "./data-sql.ts";

const TOP_VALUES = 10;
const BINS = 20;
/** What a profile shows of a text. */
const SHOWN_CHARACTERS = 256;
/** Beyond this a double cannot hold the square of a value. */
const SQUARABLE = "1e150";

type Kind = "number" | "moment" | "instant" | "bytes" | "other";

/** What kind of values a type of DuckDB has. */
export function kindOf(type: string): Kind {
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL)\b/.test(type)) return "number";
  if (type === "TIMESTAMP WITH TIME ZONE") return "instant";
  if (/^(DATE|TIMESTAMP)/.test(type)) return "moment";
  return type === "BLOB" ? "bytes" : "other";
}

/** Where the rows are that are profiled: the table itself, or what was drawn from it. */
const DRAWN = "drawn";

/**
 * DuckDB's SQL for a profile: a row for each column, by its place, with values as text and lists as JSON; of masked ones
 * only the nulls are counted. With a count, of so many rows at random; memory grows with these, and not with the table.
 */
export function profileSql(table: DataTable, sampled: { count: number; seed: number } | undefined): string {
  const source = sampled === undefined ? tableSql(table) : DRAWN;
  const drawing = sampled === undefined ? "" : `with ${DRAWN} as materialized (${sourceSql(table, sampled)})\n`;
  const rows = table.columns.map((column, place) => columnSql(column, place, source));
  return drawing + rows.join("\nunion all by name\n");
}

function columnSql({ name, type, masked }: DataTable["columns"][number], place: number, source: string): string {
  const column = quoteName(name);
  const counts = [
    `${place} as place`,
    "count(*) as row_count",
    `count(*) - count(${column}) as null_count`,
    `approx_count_distinct(${column}) as distinct_count`,
  ];
  const selected = masked ? counts.slice(0, 3) : [...counts, ...figuresSql(column, type, source)];
  return `select ${selected.join(",\n       ")}\n  from ${source}`;
}

function figuresSql(column: string, type: string, source: string): string[] {
  const kind = kindOf(type);
  // Estimates are not made of nanoseconds.
  const value = type === "TIMESTAMP_NS" ? `${column}::timestamp` : column;
  const hasInfinite = type === "DOUBLE" || type === "FLOAT" || kind === "moment" || kind === "instant";
  const finite = hasInfinite ? ` filter (where isfinite(${value}))` : "";
  const bound = (aggregate: string) => `${shortSql(textSql(kind, `${aggregate}(${column})${finite}`))} as ${aggregate}`;
  const figures = [bound("min"), bound("max"), topValuesSql(column, textSql(kind, column), source)];
  if (kind === "number") figures.push(momentSql("avg", column, "mean"), momentSql("stddev_samp", column, "std"));
  if (kind === "number") figures.push(histogramSql(column, source));
  if (kind === "bytes" || kind === "other") return figures;
  const quartile = (percent: number) => textSql(kind, `approx_quantile(${value}, ${percent / 100})${finite}`);
  return [...figures, ...[25, 50, 75].map((percent) => `${quartile(percent)} as q${percent}`)];
}

/** Null where a double cannot hold a value's square: an aggregate overflows even when nobody wants its value. */
function momentSql(aggregate: string, column: string, name: string): string {
  const size = `abs(${column}::double)`;
  const isSquarable = `max(${size}) filter (where isfinite(${column}::double)) < ${SQUARABLE}`;
  return `case when ${isSquarable} then ${aggregate}(${column}::double) filter (where ${size} < ${SQUARABLE}) end as ${name}`;
}

/** Counts those values that are most likely the most frequent: to count all would take memory for each. */
function topValuesSql(column: string, text: string, source: string): string {
  return `(with likely as (select unnest(approx_top_k(${column}, ${TOP_VALUES})) as v from ${source}),
             counted as (select ${text} as v, count(*) as n from ${source}
                          where ${column} in (select v from likely) group by all)
        select to_json(list({'value': ${shortSql("v")}, 'count': n} order by n desc, v))::varchar from counted) as top_values`;
}

/** A value as `sample.json` has it, but always as a text. */
function textSql(kind: Kind, value: string): string {
  if (kind === "bytes") return `to_base64(${value})`;
  if (kind === "instant") {
    // What is infinite has no microseconds.
    return `coalesce(replace(make_timestamp(epoch_us(${value}))::varchar, ' ', 'T') || 'Z', (${value})::varchar)`;
  }
  return kind === "moment" ? `replace((${value})::varchar, ' ', 'T')` : `(${value})::varchar`;
}

const shortSql = (text: string) => `left(${text}, ${SHOWN_CHARACTERS})`;

/** Bins of equal width from the least finite value to the greatest; in quarters, as the span of all doubles is none. */
function histogramSql(column: string, source: string): string {
  const last = BINS - 1;
  return `(with quarters as (select ${column}::double / 4 as v from ${source} where isfinite(${column}::double)),
             bounds as (select min(v) as low, max(v) as high, (max(v) - min(v)) / ${BINS} as width from quarters),
             binned as (select case when width > 0 then least(floor((v - low) / width), ${last}) else 0 end as bin
                          from quarters, bounds),
             counted as (select bin, count(*) as n from binned group by bin)
        select to_json(list({'from': (low + width * bin) * 4,
                             'to': case bin when ${last} then high else low + width * (bin + 1) end * 4,
                             'count': n} order by bin))::varchar
          from counted, bounds) as histogram`;
}
