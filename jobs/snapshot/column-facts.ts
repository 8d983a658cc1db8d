import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { quoteName } from "../../shared/quote-sql.ts";
import { askDuckdb, askDuckdbOnce } from "./ask-duckdb.ts";
import type { Facts } from "./certificate-figures.ts";
import type { CertifiedColumn } from "./certified-column.ts";
import { numberOf } from "./number-of.ts";

export interface KnownColumn {
  column: CertifiedColumn;
  facts: Facts;
}

const GROUP = 200;

/** What has to be known of a relation's columns before their figures can be written down. */
export async function readFacts(
  connection: DuckDBConnection,
  relation: string,
  columns: CertifiedColumn[],
  rows: bigint,
  signal: AbortSignal,
): Promise<KnownColumn[]> {
  const described = await askDuckdb(connection, `DESCRIBE SELECT * FROM ${relation}`, signal);
  const types = new Map(described.map(([name, type]) => [String(name), String(type)]));
  const known: KnownColumn[] = [];
  for (let start = 0; start < columns.length; start += GROUP) {
    const group = columns.slice(start, start + GROUP);
    const typeOf = ({ name }: CertifiedColumn) => types.get(name) ?? "";
    const facts = group.flatMap((column) => factsSql(column, typeOf(column)));
    const [, ...values] = await askDuckdbOnce(
      connection,
      `SELECT count(*), ${facts.join(", ")} FROM ${relation}`,
      signal,
    );
    for (const [at, column] of group.entries())
      known.push({ column, facts: toFacts(typeOf(column), rows, values.slice(2 * at, 2 * at + 2)) });
  }
  return known;
}

/** Two expressions per column: least and largest number as text, or least and largest size of a double. */
function factsSql(column: CertifiedColumn, type: string): [least: string, largest: string] {
  const name = quoteName(column.name);
  const number = numberOf(column, type)?.snapshot;
  if (number !== undefined) return [`min(${number})::VARCHAR`, `max(${number})::VARCHAR`];
  if (column.kind !== "float") return ["NULL", "NULL"];
  const finite = `abs(${name}) < 'inf'::DOUBLE`;
  return [`min(abs(${name})) FILTER (WHERE ${name} <> 0 AND ${finite})`, `max(abs(${name})) FILTER (WHERE ${finite})`];
}

function toFacts(type: string, rows: bigint, [least = null, largest = null]: DuckDBValue[]): Facts {
  const hasEnds = typeof least === "string" && typeof largest === "string";
  return {
    type,
    rows,
    ends: hasEnds ? { least, largest } : null,
    range: hasEnds ? { largest: 0, smallest: 0 } : { largest: Number(largest ?? 0), smallest: Number(least ?? 0) },
  };
}
