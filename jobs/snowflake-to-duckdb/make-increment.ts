import { join } from "node:path";
import { quoteName, quoteText } from "../../shared/quote-sql.ts";
import { JobFailure } from "../job-failure.ts";
import { downloadSnapshot } from "../snapshot/download-snapshot.ts";
import { mergeIncrement } from "../snapshot/merge-increment.ts";
import { countAnySql, filteredSql, quoteName as quoteSourceName } from "../snowflake/sql.ts";
import { compareWhole } from "./compare-whole.ts";
import { loadStaged } from "./load-snapshot.ts";
import { mapBase } from "./map-base.ts";
import { combineEvidence, measureStaged } from "./measure-staged.ts";
import { type ColumnPlan, stagedOf } from "./plan-columns.ts";
import { largestKey } from "./read-key.ts";
import { countRows } from "./read-source.ts";
import { openStaged } from "./staged-reader.ts";
import type { StagedRows } from "./staged-rows.ts";
import { parquetSql } from "./staged-sql.ts";
import { chooseForm, type Form, storedColumns } from "./stored-columns.ts";
import { DATA, type MadeTable, type SyncContext } from "./sync-context.ts";
import { capWatermark, type LowerBound, toLowerBound } from "./watermark.ts";

export interface IncrementKeys {
  key: ColumnPlan;
  /** Null where rows are only ever added. */
  primaryKey: ColumnPlan[] | null;
}

/** Why the last snapshot is no base for this one: then all rows are read. */
export interface NoBase {
  reason: string;
}

const BASE = "previous";
const BASE_VIEW = "memory.main.base";
const INCREMENT = "memory.main.increment";
const SOURCE_KEYS = "memory.main.source_keys";

/** Makes `data` of the last snapshot and what has come to Snowflake since; or tells why that would not be the same. */
export async function makeIncrement(context: SyncContext, keys: IncrementKeys): Promise<MadeTable | NoBase> {
  const base = await openBase(context, keys);
  if ("reason" in base) return base;
  const { source, plans, conditions, progress, duckdb, task } = context;
  const { connection } = duckdb;
  const own = quoteSourceName(keys.key.source.name);
  // Rows without a key never get above any watermark: they are read again each time.
  const increment = filteredSql(source.relation, [...conditions, `(${own} >= ${base.lower.sql} OR ${own} IS NULL)`]);
  if (base.added.length > 0 && (await hadValues(context, base.added, `${own} < ${base.lower.sql}`)))
    return { reason: "rows that were read before have values in columns that are new" };
  progress.expectRows(await countRows(context.session, increment));
  const staged = await context.stage("rows", increment, stagedOf(plans));
  const sourceKeys = await stageKeys(context, keys);

  progress.begin("loading", staged.bytes);
  const sets = [{ plans, staged }];
  if (sourceKeys !== undefined) sets.push({ plans: keys.primaryKey ?? [], staged: sourceKeys });
  const forms = await chooseForms(context, base.relation, sets);
  const newest = await largestKey(connection, keys.key, relationOf(staged).relation, source.moment);
  await loadTable(context, INCREMENT, plans, forms, staged);
  if (sourceKeys !== undefined && keys.primaryKey !== null)
    await loadTable(context, SOURCE_KEYS, keys.primaryKey, forms, sourceKeys);
  await makeBaseView(context, base, keys, forms);

  const columns = plans.flatMap((plan) => storedColumns(plan, forms.get(plan) ?? "declared", quoteName));
  const merged = await mergeIncrement({
    ...{ connection, base: BASE_VIEW, increment: INCREMENT },
    columns: columns.map(({ name, type }) => ({ name, type })),
    primaryKey: keys.primaryKey?.map(({ name }) => name) ?? null,
    watermark: keys.key.name,
    sourceKeys: sourceKeys === undefined ? null : SOURCE_KEYS,
    signal: context.signal,
  });
  if (!merged.compatible) return { reason: merged.reason };
  const { rows } = merged;
  if (sourceKeys !== undefined && rows !== sourceKeys.rows) {
    await connection.run(`DROP TABLE ${DATA}`);
    return { reason: `${Math.abs(sourceKeys.rows - rows)} rows came without a new ${keys.key.source.name}` };
  }
  const compared = await compareWhole(context, forms, sourceKeys !== undefined);
  if (compared.outcome === "differs") {
    await connection.run(`DROP TABLE ${DATA}`);
    return { reason: compared.reason };
  }
  const notes = [...base.notes, ...merged.notes, ...(compared.outcome === "drifted" ? [compared.note] : [])];
  context.log(`Merged ${staged.rows} rows read into ${task.previous?.rowCount} rows: ${rows} rows`);
  return {
    ...{ mode: "incremental", forms, rows, rowsRead: staged.rows, bytesRead: staged.bytes, notes },
    watermark: newest ?? base.watermark,
    certified: { source: increment, snapshot: INCREMENT },
    whole: compared.certificate,
  };
}

interface Base {
  /** The last snapshot's rows as they were once read. */
  relation: string;
  watermark: string;
  lower: LowerBound;
  added: ColumnPlan[];
  notes: string[];
}

async function openBase(context: SyncContext, { key, primaryKey }: IncrementKeys): Promise<Base | NoBase> {
  const { task, source, plans, duckdb } = context;
  const { previous, spec } = task;
  if (previous === null) return { reason: "there is no snapshot yet" };
  if ((previous.filterCondition ?? "") !== (spec.filterCondition ?? ""))
    return { reason: "the last snapshot holds other rows: its filter was another one" };
  if (source.createdAt !== null && source.createdAt > previous.moment.getTime())
    return { reason: "the table was replaced since the last snapshot" };
  const mapped = mapBase(plans, previous.columns);
  if (!mapped.isCompatible) return { reason: mapped.reason };
  if ([key, ...(primaryKey ?? [])].some((plan) => mapped.added.includes(plan)))
    return { reason: "the last snapshot lacks a key column" };
  const path = join(context.scratch, "previous.duckdb");
  const missing = await fetchBase(context, `snapshots/${previous.folder}`, path);
  if (missing !== undefined) return missing;
  await duckdb.attach(path, BASE);
  const fields = stagedOf(plans).map(
    ({ name, type }) => `${mapped.read.get(name) ?? `NULL::${type}`} AS ${quoteName(name)}`,
  );
  const relation = `(SELECT ${fields.join(",\n")} FROM ${quoteName(BASE)}.main.data)`;
  const last = previous.incrementalKey === spec.incrementalKey ? previous.watermark : null;
  const moment = previous.moment.toISOString().replace("T", " ").slice(0, -1);
  const watermark =
    last === null ? await largestKey(duckdb.connection, key, relation, moment) : capWatermark(key.source, last, moment);
  const lower = watermark === null ? undefined : toLowerBound(key.source, watermark, spec.overlapSeconds);
  if (watermark === null || lower === undefined)
    return { reason: `the last snapshot has no ${key.source.name} to go on from` };
  return { relation, watermark, lower, added: mapped.added, notes: mapped.notes };
}

async function fetchBase(context: SyncContext, folder: string, path: string): Promise<NoBase | undefined> {
  const { bucket, signal, progress } = context;
  progress.begin("downloading");
  try {
    await downloadSnapshot({ bucket, folder, path, signal, onBytes: (count) => progress.addBytes(count) });
    return undefined;
  } catch (error) {
    if (error instanceof JobFailure && error.code === "snapshot_unreadable")
      return { reason: `the last snapshot cannot be read: ${error.message.replace(/\.$/, "")}` };
    throw error;
  }
}

/** Whether rows that are not read again have something in columns that the last snapshot does not know. */
async function hadValues(
  { session, source, conditions }: SyncContext,
  added: ColumnPlan[],
  old: string,
): Promise<boolean> {
  const relation = filteredSql(source.relation, [...conditions, old]);
  const names = added.map((plan) => plan.source.name);
  const [[count] = []] = await session.cells(countAnySql(relation, names), "look for values in new columns");
  return Number(count) > 0;
}

/** The keys of all rows that there are, where deletions are to be found. */
async function stageKeys(context: SyncContext, { primaryKey }: IncrementKeys): Promise<StagedRows | undefined> {
  const { task, source, conditions } = context;
  if (!task.spec.detectDeletes || primaryKey === null) return undefined;
  return context.stage("keys", filteredSql(source.relation, conditions), stagedOf(primaryKey));
}

/** The forms that hold the values of all rows, old and new. */
async function chooseForms(
  { plans, duckdb }: SyncContext,
  base: string,
  sets: { plans: ColumnPlan[]; staged: StagedRows }[],
): Promise<Map<ColumnPlan, Form>> {
  const found = [await measureStaged(duckdb.connection, plans, { relation: base, files: [], areAll: false })];
  for (const { plans: read, staged } of sets)
    found.push(await measureStaged(duckdb.connection, read, relationOf(staged)));
  return new Map(
    plans.map((plan) => [plan, chooseForm(plan, found.map((one) => one.get(plan)).reduce(combineEvidence))]),
  );
}

const relationOf = ({ files }: StagedRows) => ({
  relation: files.length === 0 ? undefined : parquetSql(files),
  files,
  areAll: false,
});

async function loadTable(
  { duckdb, progress, signal }: SyncContext,
  table: string,
  plans: ColumnPlan[],
  forms: Map<ColumnPlan, Form>,
  { files }: StagedRows,
): Promise<void> {
  const { connection } = duckdb;
  const read = files.length === 0 ? quoteName : await openStaged(connection, parquetSql(files), plans);
  await loadStaged({
    ...{ connection, table, files, signal },
    columns: plans.flatMap((plan) => storedColumns(plan, forms.get(plan) ?? "declared", read)),
    onRows: (count) => progress.addRows(count),
    onBytes: (count) => progress.addBytes(count),
  });
}

/** The last snapshot's rows as this one would hold them, without those that were read again. */
async function makeBaseView(
  { duckdb, plans }: SyncContext,
  { relation, lower }: Base,
  { key, primaryKey }: IncrementKeys,
  forms: Map<ColumnPlan, Form>,
): Promise<void> {
  const columns = plans.flatMap((plan) => storedColumns(plan, forms.get(plan) ?? "declared", quoteName));
  const fields = columns.map(({ name, type, sql }) => `(${sql})::${type} AS ${quoteName(name)}`);
  const own = quoteName(key.staged.name);
  const bound = `${quoteText(lower.staged)}::${key.staged.type}`;
  const kept = primaryKey === null ? ` WHERE ${own} < ${bound}` : "";
  await duckdb.connection.run(`CREATE VIEW ${BASE_VIEW} AS SELECT ${fields.join(",\n")} FROM ${relation}${kept}`);
}
