import type { SourceColumn } from "../snowflake/source-column.ts";
import { type StagedColumn, stagedColumns } from "../snowflake/sql.ts";

/** How a column of Snowflake's is read, and what it is called in the snapshot. */
export interface ColumnPlan {
  source: SourceColumn;
  /** Its value as it is read. */
  staged: StagedColumn;
  /** Its offset from UTC as it is read; of TIMESTAMP_TZ alone. */
  stagedOffset: StagedColumn | undefined;
  name: string;
  /** Of the column that holds the offset in minutes; free, whether it is needed or not. */
  offsetName: string;
  /** Of the column that holds the exact text; free, whether it is needed or not. */
  exactName: string;
}

/**
 * Plans all columns of a table. Names stay as they are, except where DuckDB, to which `id` and `ID` are the same, could
 * not tell two columns apart: the later one gets a number.
 */
export function planColumns(columns: SourceColumn[]): ColumnPlan[] {
  const taken = new Set<string>();
  const names = columns.map(({ name }) => takeName(name, taken));
  return columns.map((source, at) => {
    const [staged, stagedOffset] = stagedColumns(source, at);
    const name = names[at];
    if (staged === undefined || name === undefined) throw new Error(`column ${source.name} is not read`);
    return {
      ...{ source, staged, stagedOffset, name },
      offsetName: takeName(suffixed(name, "offset"), taken),
      exactName: takeName(suffixed(name, "exact"), taken),
    };
  });
}

/** Everything that is read for the columns. */
export function stagedOf(plans: ColumnPlan[]): StagedColumn[] {
  return plans.flatMap(({ staged, stagedOffset }) => (stagedOffset === undefined ? [staged] : [staged, stagedOffset]));
}

function takeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${wanted}_${number}`;
  taken.add(name.toLowerCase());
  return name;
}

const suffixed = (name: string, suffix: string) =>
  `${name}_${name === name.toUpperCase() ? suffix.toUpperCase() : suffix}`;
