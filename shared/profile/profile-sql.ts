import { quoteName } from "../quote-sql.ts";
import { columnKind } from "./column-kind.ts";
import { histogramSql } from "./histogram-sql.ts";
import { passSql } from "./pass-sql.ts";
import type { ProfilePart } from "./profile-part.ts";
import { topValuesSql } from "./top-values-sql.ts";

export interface ProfiledColumn {
  name: string;
  /** DuckDB's name of its type. */
  type: string;
  /** Of a masked column only the nulls are counted. */
  masked?: boolean;
}

export interface ProfiledRows {
  /** A relation as it stands after FROM; it is read several times. */
  relation: string;
  /** About how many rows it has. */
  rowCount: number;
  /** What is meant by the relation's name, where no table is. */
  subquery?: string;
}

/** What is told of a column beside its nulls. */
const FIGURES = {
  distinct_count: "NULL",
  distinct_is_exact: "NULL",
  min: "NULL",
  max: "NULL",
  mean: "NULL",
  std: "NULL",
  q25: "NULL",
  q50: "NULL",
  q75: "NULL",
  top_values: "NULL",
  histogram: "NULL",
};

/**
 * DuckDB's SELECT of columns' profiles: a row for each, which `readProfile` reads, with the column's place and a VARIANT
 * of what is known of it. Syncs run it and queries do, so that it calls nothing that a query may not. The values of only
 * one column are held in memory at a time; each begins when the one before it is done.
 */
export function profileSql(columns: ProfiledColumn[], rows: ProfiledRows): string {
  const { relation, subquery } = rows;
  const profiles = columns.map((column, place) => {
    const before = place === 0 ? "" : `, (SELECT 1 FROM profile_${place - 1})`;
    return `profile_${place} AS MATERIALIZED (${columnSql(column, rows, before)})`;
  });
  const subqueries = subquery === undefined ? profiles : [`${relation} AS MATERIALIZED (${subquery})`, ...profiles];
  // Types differ, and one row of them all would take memory by the square of the columns.
  const results = columns.map(
    (_, place) => `SELECT ${place} AS place, profile::VARIANT AS profile FROM profile_${place}`,
  );
  return `WITH ${subqueries.join(",\n")}\n${results.join(" UNION ALL\n")}`;
}

/** Nothing of the relation is in sight but the column, as `v`: names may be any. */
function columnSql(column: ProfiledColumn, { relation, rowCount }: ProfiledRows, before: string): string {
  const values = `(SELECT ${quoteName(column.name)} AS v FROM ${relation})`;
  if (column.masked) {
    const counts = { row_count: "count(*)", null_count: "count(*) - count(v)" };
    return `SELECT ${structSql({ ...counts, ...FIGURES })} AS profile FROM ${values}${before}`;
  }
  const kind = columnKind(column.type);
  const parts: ProfilePart[] = [topValuesSql({ kind: kind.kind, values, rowCount })];
  if (kind.ordinal !== null) parts.push(histogramSql(values, kind.ordinal));
  const pass = `SELECT ${["*", ...parts.flatMap(({ plan }) => plan)].join(",\n  ")}
  FROM (SELECT ${passSql(kind).join(",\n    ")}
    FROM ${values}${before})`;
  const subqueries = [`pass AS MATERIALIZED (${pass})`, ...parts.flatMap((part) => part.subqueries)];
  const said = {
    row_count: "row_count",
    null_count: "row_count - present",
    ...FIGURES,
    ...{ min: "least", max: "greatest", mean: "mean", std: "std" },
    ...{ q25: "quartiles[1]", q50: "quartiles[2]", q75: "quartiles[3]" },
  };
  const profile = structSql(Object.assign(said, ...parts.map(({ figures }) => figures)));
  const relations = ["pass", ...parts.flatMap((part) => part.relations)];
  return `WITH ${subqueries.join(",\n")}
SELECT ${profile} AS profile FROM ${relations.join(", ")}`;
}

function structSql(fields: Record<string, string>): string {
  const written = Object.entries(fields).map(([name, sql]) => `'${name}': ${sql}`);
  return `{${written.join(", ")}}`;
}
