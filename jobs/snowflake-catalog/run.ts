import { z } from "zod";
import type { SourceSchema, SourceTable } from "../../shared/db/catalog-task.ts";
import { JobFailure } from "../job-failure.ts";
import type { SnowflakeSession } from "../snowflake/connect-snowflake.ts";
import { schemasSql, schemaTablesSql } from "../snowflake/sql.ts";

const figure = z.coerce.number().nullable();
const schemaRow = z.object({ SCHEMA_NAME: z.string() });
const tableRow = z.object({
  TABLE_SCHEMA: z.string(),
  TABLE_NAME: z.string(),
  ROW_COUNT: figure,
  BYTES: figure,
  LAST_ALTERED: figure,
});

/** The schemas that have a name in any case, with their tables and views. */
export async function listSchemas(session: SnowflakeSession, database: string, name: string): Promise<SourceSchema[]> {
  const found = await session.rows(schemasSql(database, name), schemaRow, "find the schema");
  const schemas = found.map((row) => row.SCHEMA_NAME);
  if (schemas.length === 0)
    throw new JobFailure(
      "table_not_in_source",
      `Snowflake has no schema ${name} in ${database}, or does not show it to the job.`,
    );
  const rows = await session.rows(schemaTablesSql(database, schemas), tableRow, "list the schema's tables");
  const tablesOf = (schema: string) => rows.filter((row) => row.TABLE_SCHEMA === schema).map(toTable);
  return schemas.map((schemaName) => ({ schemaName, tables: tablesOf(schemaName) }));
}

const toTable = (row: z.output<typeof tableRow>): SourceTable => ({
  tableName: row.TABLE_NAME,
  rowCount: row.ROW_COUNT,
  sizeBytes: row.BYTES,
  lastModified: row.LAST_ALTERED === null ? null : new Date(row.LAST_ALTERED),
});
