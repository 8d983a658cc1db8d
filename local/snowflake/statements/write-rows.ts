import { type Column, FROM, storedName, type Table, TO } from "../catalog.ts";
import { type ColumnType, duckType } from "../column-type.ts";
import type { Execution } from "../execution.ts";
import { describe } from "../run-query.ts";
import { SnowflakeError } from "../snowflake-error.ts";
import { castSql } from "../sql/cast.ts";
import { duckName, quoteText } from "../sql/identifiers.ts";
import { rewrite, type Scope } from "../sql/rewrite-query.ts";
import { toTree } from "../sql/token-tree.ts";
import { tokenize } from "../sql/tokenize.ts";

/** Runs one change: in a transaction of its own, after the changes before it, unless the session has one open. */
export async function change<T>(
  execution: Execution,
  tables: Table[],
  work: (moment: number) => Promise<T>,
): Promise<T> {
  const { warehouse, session, connection, query } = execution;
  const { transaction } = session;
  if (transaction !== undefined) {
    const moment = warehouse.nextMoment();
    query.moment = moment;
    transaction.moments.add(moment);
    for (const { id } of tables) transaction.tables.add(id);
    return work(moment);
  }
  return warehouse.exclusively(async () => {
    query.throwIfCancelled();
    const moment = warehouse.nextMoment();
    await connection.run("BEGIN");
    try {
      const result = await work(moment);
      await connection.run("COMMIT");
      query.moment = moment;
      return result;
    } catch (error) {
      await connection.run("ROLLBACK");
      throw error;
    }
  });
}

/** SQL of a value as it goes into a column: converted, within its length, not null where that is forbidden. */
export function assignSql(column: Column, value: string): string {
  const { type, nullable, name } = column;
  const long = type.kind === "text" && type.length !== undefined && type.length <= 1_000_000;
  let sql = castSql(value, long ? { kind: "text" } : type);
  if (long)
    sql = `CASE WHEN length(${sql}) > ${type.length} THEN error('String ''' || left(${sql}, 100) || ''' is too long and would be truncated') ELSE ${sql} END`;
  if (nullable) return sql;
  return `CASE WHEN ${sql} IS NULL THEN error(${quoteText(`NULL result in a non-nullable column ${name}`)}) ELSE ${sql} END`;
}

/** The value of a column that a statement does not name. */
export function defaultSql(column: Column, scope: Scope): string {
  if (column.default === undefined) return `NULL::${duckType(column.type)}`;
  return rewrite(toTree(column.default, tokenize(column.default)), { ...scope, sql: column.default });
}

/** Adds the rows of a query whose columns are those named; resolves to their count. */
export async function insertRows(
  execution: Execution,
  table: Table,
  names: string[],
  source: string,
  moment: number,
  scope: Scope,
): Promise<number> {
  for (const name of names) {
    if (!table.columns.some((column) => column.name === name))
      throw new SnowflakeError(
        "000904",
        "42000",
        `SQL compilation error: error line 1 at position 0\ninvalid identifier '${name}'`,
      );
  }
  const found = await describe(execution.connection, source);
  const values = table.columns.map((column) => {
    const at = names.indexOf(column.name);
    if (at < 0) return assignSql(column, defaultSql(column, scope));
    return assignSql(column, `s."c${at}"${castOf(found[at]?.type)}`);
  });
  const columns = [...table.columns.map(({ name }) => duckName(name)), `"${FROM}"`, `"${TO}"`].join(", ");
  const given = names.map((_, at) => `"c${at}"`).join(", ");
  const result = await execution.connection.run(
    `INSERT INTO ${storedName(table)} (${columns}) SELECT ${[...values, String(moment), "NULL"].join(", ")} FROM (${source}) AS s(${given})`,
  );
  return result.rowsChanged;
}

/** A column of nothing but NULL has a type of its own in DuckDB, which tells of it as INTEGER. */
function castOf(type: ColumnType | undefined): string {
  if (type?.kind === "text") return "::VARCHAR";
  return type?.kind === "fixed" && type.precision === 10 && type.scale === 0 ? "::HUGEINT" : "";
}

/** Ends rows as of a moment; resolves to their count. */
export async function endRows({ connection }: Execution, table: Table, moment: number, which: string): Promise<number> {
  const result = await connection.run(
    `UPDATE ${storedName(table)} SET "${TO}" = ${moment} WHERE "${TO}" IS NULL AND (${which})`,
  );
  return result.rowsChanged;
}

/** The present rows with their row ids, under a name of their own. */
export function presentRows(table: Table, alias: string): string {
  const columns = table.columns.map(({ name }) => duckName(name)).join(", ");
  return `(SELECT ${columns}, rowid AS "~row" FROM ${storedName(table)} WHERE "${TO}" IS NULL) AS ${duckName(alias)}`;
}
