import type { DataTable, ProfileReply } from "../../shared/contract/data.ts";
import type { TableProfile } from "../../shared/profile/read-profile.ts";

/** What may be told of a column whose values may not. */
const WITHHELD = {
  distinct_count: null,
  distinct_is_exact: null,
  min: null,
  max: null,
  mean: null,
  std: null,
  q25: null,
  q50: null,
  q75: null,
  top_values: null,
  histogram: null,
};

/** A profile as a caller may see it: without hidden columns, and of masked ones with nothing but their nulls. */
export function toProfileReply(
  { columns: seen, ...table }: DataTable,
  { row_count, columns }: TableProfile,
  source: ProfileReply["source"],
): ProfileReply {
  const known = new Map(columns.map((column) => [column.name, column]));
  return {
    ...table,
    source,
    profiled_rows: row_count,
    columns: seen.flatMap(({ name, type, masked }): ProfileReply["columns"] => {
      const column = known.get(name);
      if (column === undefined) return [];
      const { null_count, null_share } = column;
      return [masked ? { name, type, masked, null_count, null_share, ...WITHHELD } : { ...column, type, masked }];
    }),
  };
}
