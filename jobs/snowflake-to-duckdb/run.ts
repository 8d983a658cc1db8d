import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bucket } from "@google-cloud/storage";
import type { PublishedSnapshot, ReadySyncTask } from "../../shared/db/sync-task.ts";
import { JobFailure } from "../job-failure.ts";
import { type Certificate, certify } from "../snapshot/certify.ts";
import { openDuckdb } from "../snapshot/open-duckdb.ts";
import { uploadSnapshot } from "../snapshot/upload-snapshot.ts";
import { writeSnapshotFiles } from "../snapshot/write-snapshot-files.ts";
import type { SnowflakeSession } from "../snowflake/connect-snowflake.ts";
import { fencedSql } from "../snowflake/sql.ts";
import { chooseStage } from "./choose-stage.ts";
import { makeFull } from "./make-full.ts";
import { makeIncrement } from "./make-increment.ts";
import { planColumns } from "./plan-columns.ts";
import { readCosts } from "./read-costs.ts";
import { findColumn } from "./read-key.ts";
import { readSource } from "./read-source.ts";
import { requireFilter } from "./require-filter.ts";
import { certifiedColumns, storedColumns } from "./stored-columns.ts";
import type { MadeTable, SyncContext, WholeCertificate } from "./sync-context.ts";
import type { SyncProgress } from "./sync-progress.ts";
import { requireKey } from "./watermark.ts";

export interface SyncDeps {
  task: ReadySyncTask;
  connect: (signal: AbortSignal) => Promise<SnowflakeSession>;
  /** Snowflake's database, and the integration by which it may write into the bucket, if there is one. */
  database: string;
  integration: string | undefined;
  /** What the session's statements are tagged with. */
  tag: string;
  bucket: Bucket;
  /** Prefix in the bucket, with a slash at its end, for what this attempt alone needs while it runs. */
  folder: string;
  /** An empty folder on our disk. */
  scratch: string;
  resources: { memoryMb: number; threads: number };
  progress: SyncProgress;
  log: (line: string) => void;
  signal: AbortSignal;
}

/**
 * Makes a table's snapshot and stores it in the bucket, proven; nobody sees it until what this resolves to is published.
 * Running it again makes another one, under the folder of the next attempt.
 */
export async function syncTable(deps: SyncDeps): Promise<PublishedSnapshot> {
  const { spec } = deps.task;
  if (spec.timeoutSeconds === null) return syncInTime(deps);
  const late = AbortSignal.timeout(spec.timeoutSeconds * 1000);
  try {
    return await syncInTime({ ...deps, signal: AbortSignal.any([deps.signal, late]) });
  } catch (error) {
    if (!late.aborted || deps.signal.aborted) throw error;
    const message = `The sync took longer than ${spec.timeoutSeconds} seconds. Give it more with timeout_seconds.`;
    throw new JobFailure("sync_timeout", message, { cause: error });
  }
}

async function syncInTime(deps: SyncDeps): Promise<PublishedSnapshot> {
  const session = await deps.connect(deps.signal);
  try {
    return await syncWith(deps, session);
  } finally {
    await session.close();
  }
}

async function syncWith(deps: SyncDeps, session: SnowflakeSession): Promise<PublishedSnapshot> {
  const { task, database, resources, signal, progress, log, scratch } = deps;
  const { spec } = task;
  const name = { database, schema: task.schemaName, table: task.tableName };
  const source = await readSource(session, name);
  log(
    `Syncing ${name.schema}.${name.table} as of ${source.moment}${source.unfixed === null ? "" : ": no fixed moment"}`,
  );
  const dir = join(scratch, "snapshot");
  await mkdir(dir);
  const path = join(dir, "table.duckdb");
  const spill = join(scratch, "spill");
  const duckdb = await openDuckdb({ path, scratchDir: spill, ...resources });
  const interrupt = () => duckdb.connection.interrupt();
  signal.addEventListener("abort", interrupt);
  let isOpen = true;
  let made: MadeTable;
  let certificate: Certificate;
  const plans = planColumns(source.columns);
  try {
    const { path: way, stage } = chooseStage({ ...deps, session, connection: await duckdb.connect() });
    const conditions = spec.filterCondition === null ? [] : [fencedSql(requireFilter(spec.filterCondition))];
    const context: SyncContext = { ...deps, session, source, plans, conditions, duckdb, stage };
    made = await makeTable(context);
    log(`Loaded ${made.rows} rows by ${way}`);
    const columns = plans.flatMap((plan) => storedColumns(plan, made.forms.get(plan) ?? "declared", (one) => one));
    const { connection } = duckdb;
    await connection.run("CHECKPOINT");
    signal.throwIfAborted();

    progress.begin("statistics");
    const onProgress = (done: number, total: number) => progress.step(done, total);
    await writeSnapshotFiles({
      ...{ connection, dir, columns, signal, onProgress },
      version: task.version,
      sizeBytes: (await stat(path)).size,
      seed: task.syncId,
    });

    progress.begin("certifying");
    certificate = await certify({
      ask: (sql) => session.cells(sql, "compute the certificate"),
      source: made.certified.source,
      ...(made.certified.snapshot === undefined ? {} : { snapshot: made.certified.snapshot }),
      ...{ connection, signal, onProgress },
      columns: plans.flatMap((plan) => certifiedColumns(plan, made.forms.get(plan) ?? "declared")),
      mode: spec.checksum,
      moment: toIso(source.moment),
      fixedMoment: source.unfixed === null,
    });
    await writeFile(join(dir, "certificate.json"), JSON.stringify({ ...certificate, whole: made.whole }));
    isOpen = false;
    await duckdb.close();
    const { size: sizeBytes } = await stat(path);
    const costs = await readCosts(session, database, deps.tag, signal);

    progress.begin("uploading", sizeBytes);
    const onBytes = (count: number) => progress.addBytes(count);
    await uploadSnapshot({ bucket: deps.bucket, folder: `snapshots/${task.folder}`, dir, signal, onBytes });
    progress.begin("publishing");
    return {
      columns: columns.map((one) => ({
        ...{ name: one.name, type: one.type, source_type: one.sourceType, nullable: one.nullable },
      })),
      rowCount: made.rows,
      sizeBytes,
      moment: toIso(source.moment),
      fixedMoment: source.unfixed === null,
      watermark: made.watermark,
      stats: {
        ...{ mode: made.mode, path: way, rows_read: made.rowsRead, bytes_read: made.bytesRead },
        ...{ bytes_scanned: costs.bytesScanned, credits_cloud_services: costs.creditsCloudServices },
        // What the warehouse takes is not told by the statement.
        ...{ credits: null, seconds: progress.seconds() },
        note: toNote(made.notes, source.unfixed),
      },
      certificate: toSummary(certificate, made.whole),
    };
  } finally {
    signal.removeEventListener("abort", interrupt);
    // What failed is told already; a file that cannot be completed is thrown away anyway.
    if (isOpen) await duckdb.close().catch(() => undefined);
  }
}

async function makeTable(context: SyncContext): Promise<MadeTable> {
  const { task, plans, log } = context;
  const { spec } = task;
  if (spec.strategy !== "incremental" || spec.incrementalKey === null) return makeFull(context, undefined, []);
  const key = findColumn(plans, spec.incrementalKey);
  requireKey(key.source);
  const isMerged = !spec.append && (spec.primaryKey ?? []).length > 0;
  const primaryKey = isMerged ? (spec.primaryKey ?? []).map((column) => findColumn(plans, column)) : null;
  if (task.previous === null) return makeFull(context, key, []);
  const made = await makeIncrement(context, { key, primaryKey });
  if (!("reason" in made)) return made;
  const note = `All rows were read: ${made.reason}.`;
  log(note);
  return makeFull(context, key, [note]);
}

const toIso = (moment: string) => `${moment.replace(" ", "T")}Z`;

function toNote(notes: string[], unfixed: string | null): string | null {
  const all = [...notes, ...(unfixed === null ? [] : [`No fixed moment: ${unfixed}`])];
  return all.length === 0 ? null : all.join(" ");
}

/** What the record keeps of a certificate; the whole lies beside the snapshot. */
const toSummary = ({ columns, row_count, agrees, has_checksums }: Certificate, whole: WholeCertificate | null) => ({
  ...{ agrees, has_checksums, columns: columns.length },
  row_count: { source: row_count.source, snapshot: row_count.snapshot },
  whole: whole === null ? null : { agrees: whole.agrees, row_count: { ...whole.row_count } },
});
