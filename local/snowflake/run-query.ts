import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { cellSql, fromDuckType } from "./column-type.ts";
import type { Connection } from "./connection.ts";
import type { Execution, Outcome } from "./execution.ts";
import { STATEMENT } from "./execution.ts";
import { rowBytes } from "./information-schema.ts";
import { type ResultColumn, ResultWriter, type StoredResult } from "./result-writer.ts";
import { openScope } from "./scope.ts";
import { unsupported } from "./snowflake-error.ts";
import { decodeName, quoteText } from "./sql/identifiers.ts";
import { rewrite } from "./sql/rewrite-query.ts";
import { isGroup, isWord } from "./sql/token-tree.ts";

/** SELECT, WITH and VALUES. */
export async function runQuery(execution: Execution): Promise<Outcome> {
  const scope = await openScope(execution);
  const sql = rewrite(execution.nodes, scope);
  await waitFor(execution);
  const columns = describeColumns(execution, await describe(execution.connection, sql));
  await countBytes(execution);
  const result = await render(execution, sql, columns);
  return { result, statementType: STATEMENT.select };
}

/** Runs a translated query: DuckDB writes the rows to a file, which costs less than handing them to JavaScript. */
async function render(execution: Execution, sql: string, columns: ResultColumn[]): Promise<StoredResult> {
  const folder = join(execution.warehouse.scratch, execution.query.id);
  const file = `${folder}.rows`;
  const cells = columns.map(({ type }, at) => cellSql(type, `c${at}`)).join(", ");
  const names = columns.map((_, at) => `c${at}`).join(", ");
  // JSON has no control characters, so that none of its lines needs quotes.
  const written = "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')";
  try {
    await execution.connection.run(
      `COPY (SELECT to_json([${cells}])::VARCHAR FROM (${sql}) q(${names})) TO ${quoteText(file)} ${written}`,
    );
    const writer = new ResultWriter(folder);
    for await (const bytes of createReadStream(file, { highWaterMark: READ_BYTES })) {
      execution.query.throwIfCancelled();
      await writer.add(bytes);
    }
    return await writer.finish(columns);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}

const READ_BYTES = 1024 ** 2;

const UNITS: Record<string, number> = { MILLISECONDS: 1, SECONDS: 1000, MINUTES: 60_000, HOURS: 3_600_000 };

/** SYSTEM$WAIT(amount [, unit]), which ends early when the query is cancelled. */
async function waitFor({ nodes, query, connection }: Execution): Promise<void> {
  const at = nodes.findIndex((node) => isWord(node, "SYSTEM$WAIT"));
  const group = nodes[at + 1];
  if (at < 0 || !isGroup(group)) return;
  const [amount, , unit] = group.items;
  if (amount?.kind !== "number") throw unsupported("SYSTEM$WAIT of anything but a number");
  const ms = Number(amount.text) * (UNITS[unit?.kind === "string" ? unit.text.toUpperCase() : "SECONDS"] ?? 1000);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    query.interruptible(() => {
      clearTimeout(timer);
      resolve();
    });
  });
  query.throwIfCancelled();
  query.interruptible(() => connection.interrupt());
}

/** The columns of a translated query, without running it. */
export async function describe(connection: Connection, sql: string): Promise<ResultColumn[]> {
  const prepared = await connection.prepare(sql);
  try {
    return Array.from({ length: prepared.columnCount }, (_, at) => ({
      name: decodeName(prepared.columnName(at)),
      type: fromDuckType(prepared.columnType(at)),
      nullable: true,
    }));
  } finally {
    prepared.destroySync();
  }
}

/** What the named tables' columns say of results that bear their names and types. */
function describeColumns({ named }: Execution, columns: ResultColumn[]): ResultColumn[] {
  const [table, ...others] = [...named].filter(({ kind }) => kind === "TABLE");
  if (table === undefined || others.length > 0) return columns;
  return columns.map((column) => {
    const source = table.columns.find(({ name }) => name === column.name);
    if (source === undefined || source.type.kind !== column.type.kind) return column;
    if (source.type.kind === "fixed" && source.type.scale !== column.type.scale) return column;
    const { database, schema, name } = table;
    return { ...column, type: source.type, nullable: source.nullable, database, schema, table: name };
  });
}

export async function countBytes(execution: Execution): Promise<void> {
  for (const table of execution.named) {
    if (table.kind !== "TABLE") continue;
    const rows = await execution.connection.runAndReadAll(
      `SELECT estimated_size FROM duckdb_tables() WHERE database_name = 'store' AND table_name = 't${table.id}'`,
    );
    execution.query.bytesScanned += Number(rows.getRowsJS()[0]?.[0] ?? 0) * rowBytes(table);
  }
}
