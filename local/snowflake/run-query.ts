import { join } from "node:path";
import { cellSql, fromDuckType } from "./column-type.ts";
import type { Connection } from "./connection.ts";
import type { Execution, Outcome } from "./execution.ts";
import { STATEMENT } from "./execution.ts";
import { rowBytes } from "./information-schema.ts";
import { type ResultColumn, ResultWriter } from "./result-writer.ts";
import { openScope } from "./scope.ts";
import { unsupported } from "./snowflake-error.ts";
import { decodeName } from "./sql/identifiers.ts";
import { rewrite } from "./sql/rewrite-query.ts";
import { isGroup, isWord } from "./sql/token-tree.ts";

/** SELECT, WITH and VALUES. */
export async function runQuery(execution: Execution): Promise<Outcome> {
  const scope = await openScope(execution);
  const sql = rewrite(execution.nodes, scope);
  await waitFor(execution);
  const columns = describeColumns(execution, await describe(execution.connection, sql));
  await countBytes(execution);
  const writer = new ResultWriter(columns, join(execution.warehouse.scratch, execution.query.id));
  const cells = columns.map(({ type }, at) => cellSql(type, `c${at}`)).join(", ");
  const names = columns.map((_, at) => `c${at}`).join(", ");
  const rendered = `SELECT to_json([${cells}])::VARCHAR FROM (${sql}) q(${names})`;
  const result = await execution.connection.stream(rendered);
  for (;;) {
    execution.query.throwIfCancelled();
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    await writer.add(chunk.getColumnValues(0).map(String));
  }
  return { result: await writer.finish(), statementType: STATEMENT.select };
}

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
