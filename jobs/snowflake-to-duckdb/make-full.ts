import { filteredSql } from "../snowflake/sql.ts";
import { loadStaged } from "./load-snapshot.ts";
import { measureStaged } from "./measure-staged.ts";
import { type ColumnPlan, stagedOf } from "./plan-columns.ts";
import { largestKey } from "./read-key.ts";
import { countRows } from "./read-source.ts";
import { openStaged } from "./staged-reader.ts";
import { parquetSql } from "./staged-sql.ts";
import { chooseForm, storedColumns } from "./stored-columns.ts";
import { DATA, type MadeTable, type SyncContext } from "./sync-context.ts";

/** Makes `data` of all rows. */
export async function makeFull(context: SyncContext, key: ColumnPlan | undefined, notes: string[]): Promise<MadeTable> {
  const { session, source, plans, conditions, duckdb, progress, signal } = context;
  const { connection } = duckdb;
  const relation = filteredSql(source.relation, conditions);
  progress.expectRows(await countRows(session, relation));
  const staged = await context.stage("rows", relation, stagedOf(plans));
  progress.begin("loading", staged.bytes);
  const isEmpty = staged.files.length === 0;
  const read = isEmpty ? undefined : parquetSql(staged.files);
  const evidence = await measureStaged(connection, plans, { relation: read, files: staged.files, areAll: true });
  const forms = new Map(plans.map((plan) => [plan, chooseForm(plan, evidence.get(plan))]));
  const watermark = key === undefined ? null : await largestKey(connection, key, read, source.moment);
  const sqlOf = read === undefined ? (name: string) => name : await openStaged(connection, read, plans);
  progress.expectRows(staged.rows);
  const rows = await loadStaged({
    ...{ connection, table: DATA, files: staged.files, signal },
    columns: plans.flatMap((plan) => storedColumns(plan, forms.get(plan) ?? "declared", sqlOf)),
    onRows: (count) => progress.addRows(count),
    onBytes: (count) => progress.addBytes(count),
  });
  return {
    ...{ mode: "full", forms, rows, rowsRead: staged.rows, bytesRead: staged.bytes, watermark, notes },
    certified: { source: relation, snapshot: undefined },
    whole: null,
  };
}
