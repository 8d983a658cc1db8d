import { join } from "node:path";
import type { Bucket, File } from "@google-cloud/storage";
import { z } from "zod";
import { JobFailure } from "../job-failure.ts";
import { deleteObjects, listFolder } from "../run-folder.ts";
import { sideBySide } from "../side-by-side.ts";
import { downloadSnapshot } from "../snapshot/download-snapshot.ts";
import type { SnowflakeSession } from "../snowflake/connect-snowflake.ts";
import { readSql, unloadSql } from "../snowflake/sql.ts";
import { callStorage } from "../storage-failure.ts";
import type { StagedRows, StageOptions } from "./staged-rows.ts";

export interface StageByUnloadOptions extends StageOptions {
  session: SnowflakeSession;
  bucket: Bucket;
  /** Prefix in the bucket, with a slash at its end, that this attempt alone writes under. */
  folder: string;
  integration: string;
  /** Told when Snowflake has written the files and they are about to be fetched. */
  onUnloaded: (bytes: number) => void;
}

const DOWNLOADS_AT_ONCE = 6;
const unloaded = z.object({ rows_unloaded: z.coerce.number(), output_bytes: z.coerce.number() });

/** Has Snowflake write rows into the bucket, and fetches the files; no row passes through the driver. */
export async function stageByUnload(options: StageByUnloadOptions): Promise<StagedRows> {
  const { session, bucket, integration, relation, columns, name, dir, signal, onUnloaded } = options;
  const folder = `${options.folder}${name}/`;
  const sql = unloadSql(readSql(relation, columns, false), `gcs://${bucket.name}/${folder}`, integration);
  const [outcome] = await session.rows(sql, unloaded, "unload the rows");
  if (outcome === undefined) throw new JobFailure("snowflake_error", "Snowflake did not say what it unloaded.");
  onUnloaded(outcome.output_bytes);
  options.onRows(outcome.rows_unloaded);
  const objects = await callStorage(bucket, () => listFolder(bucket, folder));
  if (objects.length === 0 && outcome.rows_unloaded > 0)
    throw new JobFailure(
      "snowflake_error",
      `Snowflake unloaded ${outcome.rows_unloaded} rows, but not into gs://${bucket.name}/${folder}.`,
    );
  const files = await download(objects, folder, join(dir, name), signal, options.onBytes, bucket);
  // What is fetched is no longer needed; if this fails, the run's folder is cleared later.
  await deleteObjects(objects).catch(() => undefined);
  return { files, rows: outcome.rows_unloaded, bytes: outcome.output_bytes };
}

async function download(
  objects: File[],
  folder: string,
  target: string,
  signal: AbortSignal,
  onBytes: (count: number) => void,
  bucket: Bucket,
): Promise<string[]> {
  const queue = objects.entries();
  const paths = objects.map((_, at) => `${target}-${at}.parquet`);
  // Whoever removes the folder must not be overtaken by what is still being written.
  await sideBySide(DOWNLOADS_AT_ONCE, signal, async (either) => {
    for (const [at, object] of queue) {
      const path = paths[at];
      if (path === undefined) return;
      const name = object.name.slice(folder.length);
      await downloadSnapshot({ bucket, folder: folder.slice(0, -1), name, path, signal: either, onBytes });
    }
  });
  return paths;
}
