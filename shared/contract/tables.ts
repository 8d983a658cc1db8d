import { z } from "zod";
import { anyCase } from "./any-case.ts";
import { storableText } from "./storable.ts";

/** Snowflake's longest. In quotes, doubled ones included, it may be twice as long. */
const identifier = storableText(512);
const swarm = storableText(64);
const columns = z.array(identifier).max(10_000);

export const schemaParams = z.object({ schema: identifier });
export const tableParams = z.object({ schema: identifier, table: identifier });
export const grantParams = z.object({ schema: identifier, table: identifier, swarm });

const table = { table_name: identifier, schema_name: identifier };
const words = { description: storableText(10_000).nullish(), tags: z.array(storableText(64)).max(64).nullish() };
const columnRights = {
  hidden_columns: columns.nullish().describe("Columns that the swarm's copy of the table never holds"),
  masked_columns: columns.nullish().describe("Columns of which the swarm sees only whether there is a value"),
};

export const registerTableRequest = z.object({ ...table, ...words });

const tableRef = {
  table_id: z.int(),
  table_name: z.string(),
  schema_name: z.string(),
  status: z.enum(["active", "inactive"]),
};
export const registerTableReply = z.object(tableRef);

export const manageTableRequest = z
  .object({
    action: anyCase(["add", "remove"]),
    ...table,
    swarm: swarm
      .nullish()
      .describe("add: who may see the table from now on, `default` unless named; remove: from whom alone it is taken"),
    ...columnRights,
    ...words,
  })
  .meta({ id: "TableRef" });
export const manageTableReply = z.object({ ...tableRef, source: z.literal("snowflake") }).meta({ id: "ManagedTable" });

export const updateTableRequest = z.strictObject(words);
export const updateTableReply = z.object({ table_id: z.int(), message: z.string() });

const sourceTable = z
  .object({
    table_name: z.string(),
    row_count: z.number().nullable(),
    size_bytes: z.number().nullable(),
    last_modified: z.string().nullable(),
  })
  .meta({ id: "SourceTable" });
export const sourceTablesReply = z.array(sourceTable);

const strategy = z.enum(["full", "incremental", "snapshot"]);
const syncStatus = z.enum(["pending", "running", "completed", "failed", "cancelled"]);
/** Of the snapshot that readers get; null before the first sync. */
const snapshot = {
  row_count: z.number().nullable(),
  size_bytes: z.number().nullable(),
  version: z.string().nullable(),
};
const lastSync = {
  last_sync_id: z.int().nullable(),
  last_sync_status: syncStatus.nullable(),
  last_sync_at: z.string().nullable(),
};

const listedTable = z
  .object({
    ...tableRef,
    description: z.string().nullable(),
    tags: z.array(z.string()),
    ...snapshot,
    strategy: strategy.nullable().describe("Of the last sync"),
    schedule: z.string().nullable().describe("A cron expression"),
    ...lastSync,
    created_at: z.string(),
  })
  .meta({ id: "Table" });
export const listTablesReply = z.array(listedTable);

export const tableStatusReply = z
  .object({
    ...tableRef,
    ...lastSync,
    last_error: z.string().nullable(),
    ...snapshot,
    schedule: z.string().nullable(),
  })
  .meta({ id: "TableStatus" });

export const snapshotReply = z
  .object({
    version: z.string(),
    name: z
      .string()
      .nullable()
      .describe("Of a sync with strategy `snapshot`: such a version is kept until its table goes"),
    is_current: z.boolean().describe("Whether it is what readers get"),
    row_count: z.number(),
    size_bytes: z.number(),
    moment: z.string(),
    fixed_moment: z.boolean(),
    watermark: z.string().nullable(),
    sync_id: z.int(),
    created_at: z.string(),
  })
  .meta({ id: "Snapshot" });
export const listSnapshotsReply = z.array(snapshotReply);

export const putGrantRequest = z.strictObject(columnRights);
export const grantReply = z
  .object({
    table_id: z.int(),
    schema_name: z.string(),
    table_name: z.string(),
    swarm: z.string(),
    hidden_columns: z.array(z.string()),
    masked_columns: z.array(z.string()),
    unknown_columns: z
      .array(z.string())
      .describe(
        "Named by the grant, and not in the snapshot: while there are any, the swarm sees nothing of the table",
      ),
    created_at: z.string(),
  })
  .meta({ id: "Grant" });
export const listGrantsReply = z.array(grantReply);
export const doneReply = z.object({ message: z.string() });
