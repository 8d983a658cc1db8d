import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { askDuckdb, askDuckdbOnce } from "./ask-duckdb.ts";
import type { Facts } from "./certificate-figures.ts";
import type { CertifiedColumn } from "./certified-column.ts";
import { quoteName } from "./quote-sql.ts";

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
    const sql = `SELECT count(*), ${group.flatMap(factsSql).join(", ")} FROM ${relation}`;
    const [, ...values] = await askDuckdbOnce(connection, sql, signal);
    for (const [at, column] of group.entries())
      known.push({ column, facts: toFacts(types.get(column.name) ?? "", rows, values.slice(2 * at, 2 * at + 2)) });
  }
  return known;
}

/** Two expressions per column. */
function factsSql(column: CertifiedColumn): [largest: string, smallest: string] {
  const name = quoteName(column.name);
  if (column.kind === "number") return [`max(abs(${name}::DECIMAL(38,${column.scale})))::VARCHAR`, "NULL"];
  if (column.kind !== "float") return ["NULL", "NULL"];
  const finite = `abs(${name}) < 'inf'::DOUBLE`;
  return [`max(abs(${name})) FILTER (WHERE ${finite})`, `min(abs(${name})) FILTER (WHERE ${name} <> 0 AND ${finite})`];
}

function toFacts(type: string, rows: bigint, [largest = null, smallest = null]: DuckDBValue[]): Facts {
  return {
    type,
    rows,
    largest: typeof largest === "string" ? largest : null,
    range: { largest: Number(largest ?? 0), smallest: Number(smallest ?? 0) },
  };
}
