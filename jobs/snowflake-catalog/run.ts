import { z } from "zod";
import type { SourceTable } from "../../shared/db/catalog-task.ts";
import { JobFailure } from "../job-failure.ts";
import type { SnowflakeSession } from "../snowflake/connect-snowflake.ts";
import { schemaSql, schemaTablesSql } from "../snowflake/sql.ts";

const figure = z.coerce.number().nullable();
const tableRow = z.object({ TABLE_NAME: z.string(), ROW_COUNT: figure, BYTES: figure, LAST_ALTERED: figure });

/** The tables and views of a schema. */
export async function listTables(session: SnowflakeSession, database: string, schema: string): Promise<SourceTable[]> {
  const rows = await session.rows(schemaTablesSql(database, schema), tableRow, "list the schema's tables");
  if (rows.length === 0 && (await session.cells(schemaSql(database, schema), "find the schema")).length === 0)
    throw new JobFailure(
      "table_not_in_source",
      `Snowflake has no schema ${schema} in ${database}, or does not show it to the job.`,
    );
  return rows.map((row) => ({
    tableName: row.TABLE_NAME,
    rowCount: row.ROW_COUNT,
    sizeBytes: row.BYTES,
    lastModified: row.LAST_ALTERED === null ? null : new Date(row.LAST_ALTERED),
  }));
}
