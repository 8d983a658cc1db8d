import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { JobFailure } from "../job-failure.ts";
import { askDuckdb, askDuckdbOnce } from "./ask-duckdb.ts";
import { type ComparedColumn, type Figure, figuresOf } from "./certificate-figures.ts";
import type { CertifiedColumn } from "./certified-column.ts";
import { readFacts } from "./column-facts.ts";

/** A value on both sides, as text; null for SQL's NULL. */
export interface Pair {
  source: string | null;
  snapshot: string | null;
}

export interface CertifiedFigures {
  name: string;
  nulls: Pair;
  /** Of doubles: how many are NaN, inf and -inf. The figures below leave these out. */
  not_finite?: Pair;
  /** Of texts and binaries their first 32 characters or bytes. */
  min?: Pair;
  max?: Pair;
  /**
   * Exact: of numbers; of nanoseconds or days of times; of how many bytes texts have, or binaries as hex; of truth as 1;
   * of doubles, scaled so that the largest has 52 bits before the point, where the rest is cut off.
   */
  sum?: Pair;
  /** Of numbers, days and nanoseconds: the sum of the squares of their distances from the middle of their range. */
  squares?: Pair;
  /** Sum of the first 32 bits of the MD5 of each value's canonical text. Instead of a sum of more than 38 digits, too. */
  checksum?: Pair;
}

/** certificate.json: proof that the snapshot holds what Snowflake held at the moment. */
export interface Certificate {
  moment: string;
  /** Whether all statements saw the source at that moment. */
  fixed_moment: boolean;
  row_count: Pair;
  columns: CertifiedFigures[];
  /** Whether every column has squares or a checksum, truth aside. */
  has_checksums: boolean;
  agrees: true;
  /** What was asked: anybody can ask it again. */
  sql: { source: string[]; snapshot: string[] };
}

export interface CertifyOptions {
  /** Runs a statement on Snowflake: its rows, each cell as text (every cell that is asked for is a VARCHAR). */
  ask: (sql: string) => Promise<(string | null)[][]>;
  /** What stands after FROM on Snowflake: `"DB"."S"."T" AT(TIMESTAMP => …)`, or a subquery in parentheses. */
  source: string;
  connection: DuckDBConnection;
  /** What stands after FROM in DuckDB; the snapshot's `data` when left out. */
  snapshot?: string;
  columns: CertifiedColumn[];
  /** Whether to compare checksums: `auto` does up to CHECKSUM_CELLS, of columns that have no squares. */
  mode: "auto" | "always" | "never";
  moment: string;
  fixedMoment: boolean;
  signal: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** What of both sides is not the same. */
export class CertificateMismatch extends JobFailure {
  /** The column that differs; null where the numbers of rows do. */
  readonly column: string | null;
  readonly values: Pair;

  constructor(column: string | null, of: Figure["label"] | "nulls" | "rows", values: Pair, fixedMoment: boolean) {
    const has = (value: string | null) => `${value ?? "nothing"} ${WORDS[of]}`;
    const what = column === null ? "The table" : `Column ${column}`;
    const why = fixedMoment ? "" : " It has no fixed moment, and may have changed while it was read.";
    super(
      "certificate_mismatch",
      `${what} has ${has(values.source)} in Snowflake, but ${has(values.snapshot)} in the snapshot, which was not published.${why}`,
      { retryable: !fixedMoment },
    );
    this.column = column;
    this.values = values;
  }
}

/** Rows times columns up to which checksums are compared without being asked for. */
export const CHECKSUM_CELLS = 200_000_000;
/** What one statement asks for: Snowflake takes a megabyte of SQL. */
const STATEMENT_COLUMNS = 100;
const STATEMENT_CHARACTERS = 200_000;

/**
 * Compares both sides. A difference is a JobFailure that names the column and both values; where the source had no fixed
 * moment it may have changed meanwhile, so that another attempt can help.
 */
export async function certify(options: CertifyOptions): Promise<Certificate> {
  const { ask, source, snapshot = "data", columns, connection, signal, moment, fixedMoment, onProgress } = options;
  const [counted = null] = await askDuckdbOnce(connection, `SELECT count(*) FROM ${snapshot}`, signal);
  const rows = BigInt(String(counted));
  const { mode } = options;
  const hasChecksums = mode === "always" || (mode === "auto" && Number(rows) * columns.length <= CHECKSUM_CELLS);
  const checksums = !hasChecksums ? "none" : mode === "always" ? "all" : "needed";
  const known = await readFacts(connection, snapshot, columns, rows, signal);
  const wanted = known.flatMap(({ column, facts }, at) => figuresOf(column, facts, checksums, at));

  const sql: Certificate["sql"] = { source: [], snapshot: [] };
  const certified: CertifiedFigures[] = [];
  let rowCount: Pair = { source: null, snapshot: null };
  for (const part of inStatements(wanted)) {
    const asked = selectSql(part, "source", source);
    const found = selectSql(part, "snapshot", snapshot);
    const [theirs, ours] = await Promise.all([
      ask(asked).then(onlyRow),
      askDuckdb(connection, found, signal).then((all) => onlyRow(all).map(toText)),
    ]);
    sql.source.push(asked);
    sql.snapshot.push(found);
    rowCount = { source: theirs.shift() ?? null, snapshot: ours.shift() ?? null };
    if (rowCount.source !== rowCount.snapshot) throw new CertificateMismatch(null, "rows", rowCount, fixedMoment);
    for (const { name, figures } of part) {
      const pairs = figures.map(() => ({ source: theirs.shift() ?? null, snapshot: ours.shift() ?? null }));
      certified.push(compare(name, figures, pairs, rows, fixedMoment));
    }
    onProgress?.(certified.length, wanted.length);
  }
  return {
    ...{ moment, fixed_moment: fixedMoment, row_count: rowCount, columns: certified },
    ...{ has_checksums: hasChecksums, agrees: true, sql },
  };
}

/** At least one statement, which counts the rows of a table whatever its columns are. */
function inStatements(columns: ComparedColumn[]): ComparedColumn[][] {
  const parts: ComparedColumn[][] = [[]];
  let characters = 0;
  for (const column of columns) {
    const length = Math.max(lengthOf(column, "source"), lengthOf(column, "snapshot"));
    const last = parts.at(-1) ?? [];
    const isFull = last.length === STATEMENT_COLUMNS || (last.length > 0 && characters + length > STATEMENT_CHARACTERS);
    if (isFull) {
      parts.push([column]);
      characters = length;
    } else {
      last.push(column);
      characters += length;
    }
  }
  return parts;
}

type Side = "source" | "snapshot";

function lengthOf({ derived, figures }: ComparedColumn, side: Side): number {
  return figures.reduce((sum, figure) => sum + figure[side].length, derived[side].length);
}

function selectSql(columns: ComparedColumn[], side: Side, from: string): string {
  const expressions = columns.flatMap(({ figures }) => figures.map((figure) => figure[side]));
  const derived = columns.map((column) => `${column.derived[side]} AS ${column.derived.alias}`);
  const relation = derived.length === 0 ? from : `(SELECT ${derived.join(",\n")}\nFROM ${from})`;
  return `SELECT ${["CAST(COUNT(*) AS VARCHAR)", ...expressions].join(",\n")}\nFROM ${relation}`;
}

function onlyRow<T>(rows: T[][]): T[] {
  const [row] = rows;
  if (row === undefined) throw new Error("A statement of aggregates returned no row");
  return row;
}

const toText = (value: DuckDBValue): string | null => (value === null ? null : String(value));

function compare(name: string, figures: Figure[], pairs: Pair[], rows: bigint, fixedMoment: boolean): CertifiedFigures {
  const certified: CertifiedFigures = { name, nulls: { source: null, snapshot: null } };
  for (const [at, { label, agrees = areEqual, show = asIs }] of figures.entries()) {
    const { source, snapshot } = pairs[at] ?? { source: null, snapshot: null };
    const read = (value: string) => (label === "present" ? String(rows - BigInt(value)) : show(value));
    const shown = { source: source && read(source), snapshot: snapshot && read(snapshot) };
    const areSame = source === null || snapshot === null ? source === snapshot : agrees(source, snapshot);
    const of = label === "present" ? "nulls" : label;
    if (!areSame) throw new CertificateMismatch(name, of, shown, fixedMoment);
    certified[of] = shown;
  }
  return certified;
}

const areEqual = (source: string, snapshot: string) => source === snapshot;
const asIs = (value: string) => value;

const WORDS: Record<string, string> = {
  ...{ rows: "rows", nulls: "nulls", not_finite: "NaN, inf and -inf", min: "as its least value" },
  ...{ max: "as its largest value", sum: "as its sum", squares: "as its sum of squares", checksum: "as its checksum" },
};
