import { z } from "zod";
import { anyCase } from "./any-case.ts";
import { digits } from "./digits.ts";
import { storableText } from "./storable.ts";

const MAX_SECONDS = 604_800;
const identifier = storableText(512);

/** One column, or several. */
const primaryKey = z
  .union([z.array(identifier).max(1000), identifier])
  .transform((key) => (typeof key === "string" ? [key] : key));

const config = z
  .object({
    batch_size: z.int().min(1).max(10_000_000).nullish(),
    max_retries: z.int().min(0).max(100).nullish(),
    timeout_seconds: z.int().min(1).max(MAX_SECONDS).nullish(),
  })
  .nullish();

const options = {
  strategy: anyCase(["full", "incremental", "snapshot"]).nullish(),
  incremental_key: identifier.nullish().describe("Rises with every change of a row; only for `incremental`"),
  primary_key: primaryKey.nullish(),
  filter_condition: storableText(10_000).nullish().describe("SQL of Snowflake, for its WHERE clause"),
  detect_deletes: z
    .boolean()
    .nullish()
    .describe("Of an incremental sync with a primary key: whether rows that are gone go here, too"),
  append: z.boolean().nullish().describe("Of an incremental sync: rows are only ever added"),
  name: storableText(255).nullish().describe("What a kept version is called; only for `snapshot`"),
  overlap_seconds: z
    .number()
    .min(0)
    .max(MAX_SECONDS)
    .nullish()
    .describe("How far before the highest key an incremental sync reads again"),
  checksum: anyCase(["auto", "always", "never"])
    .nullish()
    .describe("Whether every value is compared with Snowflake's, beside counts and bounds"),
  path: anyCase(["auto", "unload", "rows"])
    .nullish()
    .describe("Whether Snowflake writes files into the bucket, or rows pass through the job"),
};

const wanted = z.object({ table_name: identifier, schema_name: identifier, ...options, config });

/** A sync's fields, at top level or inside `sync_request`; `config` beside them or within. */
export const startSyncRequest = wanted
  .partial({ table_name: true, schema_name: true })
  .extend({ sync_request: wanted.nullish() })
  .transform(({ sync_request, ...fields }, context) => {
    if (sync_request) return { ...sync_request, config: sync_request.config ?? fields.config };
    const { table_name, schema_name, ...rest } = fields;
    if (table_name !== undefined && schema_name !== undefined) return { table_name, schema_name, ...rest };
    for (const [name, value] of Object.entries({ table_name, schema_name })) {
      if (value === undefined) context.addIssue({ code: "custom", message: "Field required", path: [name] });
    }
    return z.NEVER;
  });
export type WantedSync = z.output<typeof wanted>;

const status = z.enum(["pending", "running", "completed", "failed", "cancelled"]);

/** What a job tells about a sync. */
export const syncDetails = z.record(z.string(), z.unknown()).nullable();
export const syncReply = z
  .object({
    sync_id: z.int(),
    job_id: z.int().describe("The same"),
    table_name: z.string(),
    schema_name: z.string(),
    strategy: z.enum(["full", "incremental", "snapshot"]),
    status,
    created_at: z.string(),
    started_at: z.string().nullable(),
    completed_at: z.string().nullable(),
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    stats: syncDetails.describe("Rows, bytes, credits and seconds, once there are any"),
    progress: syncDetails,
    run_id: z.int().nullable(),
    version: z.string().nullable().describe("Of the snapshot that it published"),
  })
  .meta({ id: "Sync" });

export const listSyncsQuery = z.object({ limit: digits(1, 1000).default(100) });
export const listSyncsReply = z.array(syncReply);

export const putScheduleRequest = z.strictObject({
  cron: storableText(128).describe("Five fields, or what pg_cron takes besides, such as `30 seconds`; in UTC"),
  ...options,
  config,
});
export const scheduleReply = z
  .object({
    schedule: z.string().nullable().describe("Null when there is none"),
    spec: syncDetails.describe("The options of the syncs that it starts"),
  })
  .meta({ id: "Schedule" });
