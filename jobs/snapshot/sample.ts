import type { DuckDBConnection, DuckDBDataChunk, DuckDBValue } from "@duckdb/node-api";
import type { Cell } from "../../shared/cell.ts";
import { quoteName } from "../../shared/quote-sql.ts";
import { interruptible } from "./ask-duckdb.ts";
import { numberedRows } from "./numbered-rows.ts";
import type { SnapshotColumn } from "./snapshot-column.ts";
import { toCell } from "./to-cell.ts";

/** sample.json: rows that are served without any engine. */
export interface Sample {
  version: string;
  columns: { name: string; type: string }[];
  total_rows: number;
  first: Cell[][];
  /** Uniform, without repetition, in random order: any number of them from the start is a uniform sample. */
  random: Cell[][];
  /** Whether rows are missing that would have made the file too large. */
  is_first_cut: boolean;
  is_random_cut: boolean;
  /** The same seed draws the same rows from the same table. */
  seed: number;
}

export interface SampleOptions {
  connection: DuckDBConnection;
  version: string;
  columns: SnapshotColumn[];
  totalRows: number;
  seed: number;
  signal: AbortSignal;
}

const FIRST_ROWS = 1000;
const RANDOM_ROWS = 10_000;
/** How many values a hash has. */
const HASHES = 2n ** 64n;
const MAX_BYTES = 8 * 1024 * 1024;
const FIRST_BYTES = MAX_BYTES / 4;

/** Takes a snapshot's sample, which is at most 8 MiB of JSON. */
export async function takeSample(options: SampleOptions): Promise<Sample> {
  const { version, columns, totalRows, seed } = options;
  const empty = { version, columns: columns.map(({ name, type }) => ({ name, type })), total_rows: totalRows };
  const head = { ...empty, first: [], random: [], is_first_cut: false, is_random_cut: false, seed };
  const room = MAX_BYTES - jsonBytes(head);
  const first = new RowBudget(Math.min(FIRST_BYTES, room));
  await readFirstRows(options, first);
  const random = new RowBudget(room - first.bytes);
  await readRandomRows(options, random);
  return {
    ...head,
    first: first.rows(),
    random: random.rows(),
    is_first_cut: first.isCut,
    is_random_cut: random.isCut,
  };
}

/** Rows are drawn by their number alone, then fetched: a sort of whole rows would hold them all. */
function randomSql({ columns, seed, totalRows }: SampleOptions): string {
  const [numbered, id] = numberedRows(
    "data",
    columns.map(({ name }) => name),
  );
  const rank = `hash(${id}, ${seed}::BIGINT)`;
  // Few are sorted: twice as many as are drawn, but for the chance, have a hash below this.
  const below =
    totalRows <= 2 * RANDOM_ROWS
      ? ""
      : `WHERE ${rank} < ${(HASHES * BigInt(2 * RANDOM_ROWS)) / BigInt(totalRows)}::UBIGINT`;
  const drawn = `SELECT ${id} AS id FROM ${numbered} ${below} ORDER BY ${rank}, ${id} LIMIT ${RANDOM_ROWS}`;
  return `WITH drawn AS MATERIALIZED (SELECT id AS drawn_id, row_number() OVER () - 1 AS drawn_rank FROM (${drawn}))
    SELECT drawn_rank, ${columns.map(({ name }) => `rows.${quoteName(name)}`).join(", ")}
    FROM ${numbered} AS rows JOIN drawn ON rows.${id} = drawn_id`;
}

/** Without a LIMIT, which holds several times as much of a wide table in memory as the rows it lets through. */
async function readFirstRows(options: SampleOptions, first: RowBudget): Promise<void> {
  const names = options.columns.map(({ name }) => quoteName(name));
  let rank = 0;
  await readChunks(options, `SELECT ${names.join(", ")} FROM data`, (chunk) => {
    const rows = Math.min(chunk.rowCount, FIRST_ROWS - rank);
    for (let at = 0; at < rows; at++) first.offer(rank++, () => chunk.getRowValues(at).map(toCell));
    return rank < FIRST_ROWS;
  });
}

async function readRandomRows(options: SampleOptions, random: RowBudget): Promise<void> {
  await readChunks(options, randomSql(options), (chunk) => {
    for (let at = 0; at < chunk.rowCount; at++) random.offer(rankOf(chunk, at), () => cellsOf(chunk.getRowValues(at)));
    return true;
  });
}

/** Reads until there is no more, or no more is wanted; what is left unread ends with the connection's next statement. */
async function readChunks(
  { connection, signal }: SampleOptions,
  sql: string,
  read: (chunk: DuckDBDataChunk) => boolean,
): Promise<void> {
  await interruptible(connection, signal, async () => {
    for await (const chunk of await connection.stream(sql)) {
      if (!read(chunk)) return;
      signal.throwIfAborted();
    }
  });
}

function rankOf(chunk: DuckDBDataChunk, at: number): number {
  return Number(chunk.getColumnVector(0).getItem(at));
}

function cellsOf([, ...values]: DuckDBValue[]): Cell[] {
  return values.map(toCell);
}

const jsonBytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

/** Keeps the rows of lowest rank that fit together into so many bytes, in whichever order they come. */
class RowBudget {
  readonly #limit: number;
  readonly #kept = new Map<number, { row: Cell[]; bytes: number }>();
  #highest = -1;
  /** Rows of this rank and above have no place. */
  #cutoff = Number.POSITIVE_INFINITY;
  bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isCut(): boolean {
    return Number.isFinite(this.#cutoff);
  }

  /** Offers a row, which is made only when it is wanted. */
  offer(rank: number, make: () => Cell[]): void {
    if (rank >= this.#cutoff) return;
    const row = make();
    const bytes = jsonBytes(row) + 1;
    this.#kept.set(rank, { row, bytes });
    this.#highest = Math.max(this.#highest, rank);
    this.bytes += bytes;
    while (this.bytes > this.#limit) this.#drop();
  }

  rows(): Cell[][] {
    return [...this.#kept].sort(([one], [other]) => one - other).map(([, { row }]) => row);
  }

  #drop(): void {
    while (!this.#kept.has(this.#highest)) this.#highest--;
    this.bytes -= this.#kept.get(this.#highest)?.bytes ?? 0;
    this.#kept.delete(this.#highest);
    this.#cutoff = this.#highest;
  }
}
