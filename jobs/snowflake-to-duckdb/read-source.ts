import { z } from "zod";
import { JobFailure } from "../job-failure.ts";
import type { SnowflakeSession } from "../snowflake/connect-snowflake.ts";
import { snowflakeCode } from "../snowflake/snowflake-failure.ts";
import { columnRow, type SourceColumn, toSourceColumn } from "../snowflake/source-column.ts";
import { CLOCK_SQL, columnsSql, countSql, relationSql, type TableName, tableSql } from "../snowflake/sql.ts";

/** A table or view as Snowflake describes it, and the moment as of which it is read. */
export interface Source {
  columns: SourceColumn[];
  /** When it was made, in milliseconds since 1970; a replaced table is a new one. */
  createdAt: number | null;
  /** In UTC: `2026-01-31 12:00:00.123`. */
  moment: string;
  /** Why the moment is not fixed: what was read later may be of a later moment. */
  unfixed: string | null;
  /** What stands after FROM. */
  relation: string;
}

const tableRow = z.object({ TABLE_TYPE: z.string(), CREATED: z.coerce.number().nullable() });
const counted = z.object({ N: z.coerce.number() });

/** Describes a table and fixes the moment as of which it is going to be read, where Snowflake keeps the past. */
export async function readSource(session: SnowflakeSession, name: TableName): Promise<Source> {
  const [[table], columns] = [
    await session.rows(tableSql(name), tableRow, "describe the table"),
    await session.rows(columnsSql(name), columnRow, "describe the table's columns"),
  ];
  if (columns.length === 0)
    throw new JobFailure(
      "table_not_in_source",
      `Cannot sync ${name.schema}.${name.table}: Snowflake has no such table in ${name.database}, or does not show it to the job.`,
    );
  const [[moment] = []] = await session.cells(CLOCK_SQL, "tell the time");
  if (moment === null || moment === undefined) throw new Error("Snowflake has no clock");
  const unfixed = await whyUnfixed(session, name, moment, table?.TABLE_TYPE);
  return {
    columns: columns.map(toSourceColumn),
    createdAt: table?.CREATED ?? null,
    moment,
    unfixed,
    relation: relationSql(name, unfixed === null ? moment : null),
  };
}

/** How many rows a relation has. */
export async function countRows(session: SnowflakeSession, relation: string): Promise<number> {
  const [row] = await session.rows(countSql(relation), counted, "count the rows");
  return row?.N ?? 0;
}

/** How Snowflake refuses to tell the past of a table that keeps none: its code, or in so many words. */
const NO_PAST_CODE = "000707";
const NO_PAST = /time travel/i;
/** What has rows of its own, and with them a past. */
const TABLE_TYPES = ["BASE TABLE", "TEMPORARY TABLE"];

/** Views and tables that keep no past refuse AT, and are read without it; any other refusal may pass. */
async function whyUnfixed(
  session: SnowflakeSession,
  name: TableName,
  moment: string,
  type: string | undefined,
): Promise<string | null> {
  try {
    await countRows(session, relationSql(name, moment));
    return null;
  } catch (error) {
    if (!(error instanceof JobFailure) || error.code !== "snowflake_error") throw error;
    const hasNoPast = snowflakeCode(error.cause) === NO_PAST_CODE || NO_PAST.test(error.message);
    if (!hasNoPast && (type === undefined || TABLE_TYPES.includes(type)))
      throw new JobFailure(error.code, error.message, { retryable: true, cause: error });
    await countRows(session, relationSql(name, null));
    return error.message;
  }
}
