import { CertificateMismatch, certify } from "../snapshot/certify.ts";
import { filteredSql } from "../snowflake/sql.ts";
import type { ColumnPlan } from "./plan-columns.ts";
import { certifiedColumns, type Form } from "./stored-columns.ts";
import { DATA, type SyncContext, type WholeCertificate } from "./sync-context.ts";

export type WholeComparison =
  | { outcome: "agrees"; certificate: WholeCertificate | null }
  /** The snapshot has rows more, as it may where deletions are not followed. */
  | { outcome: "drifted"; certificate: WholeCertificate; note: string }
  | { outcome: "differs"; reason: string };

/**
 * Compares a merged table with its source. Only rows that Snowflake has no more may make a difference, and only where
 * nobody asked for deletions; without a fixed moment there is nothing to compare with.
 */
export async function compareWhole(
  { session, source, conditions, plans, duckdb, progress, signal }: SyncContext,
  forms: Map<ColumnPlan, Form>,
  followsDeletions: boolean,
): Promise<WholeComparison> {
  if (source.unfixed !== null) return { outcome: "agrees", certificate: null };
  progress.begin("comparing");
  try {
    const certificate = await certify({
      ask: (sql) => session.cells(sql, "compare all rows"),
      source: filteredSql(source.relation, conditions),
      ...{ connection: duckdb.connection, snapshot: DATA, signal },
      columns: plans.flatMap((plan) => certifiedColumns(plan, forms.get(plan) ?? "declared")),
      onProgress: (done, total) => progress.step(done, total),
      ...{ mode: "never", moment: `${source.moment.replace(" ", "T")}Z`, fixedMoment: true },
    });
    return { outcome: "agrees", certificate };
  } catch (error) {
    if (!(error instanceof CertificateMismatch)) throw error;
    const { column, values } = error;
    const more = column === null ? Number(values.snapshot) - Number(values.source) : 0;
    if (more > 0 && !followsDeletions) {
      const note = `Drift: the snapshot has ${more} rows more than Snowflake, where rows were deleted; detect_deletes would find them.`;
      return { outcome: "drifted", certificate: { agrees: false, row_count: values }, note };
    }
    return {
      outcome: "differs",
      reason: `the merged table differs from Snowflake's in ${column === null ? "its number of rows" : `column ${column}`}`,
    };
  }
}
