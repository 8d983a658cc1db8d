import { z } from "zod";
import type { ColumnProfile, DataTable, ProfileReply } from "../../shared/contract/data.ts";
import { kindOf } from "./profile-sql.ts";
import type { Profile } from "./snapshot-files.ts";

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
  { row_count, columns }: Profile,
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

const text = z.string().nullish();
const jsonText = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((json): unknown => JSON.parse(json))
    .pipe(schema)
    .nullish();

/** A row of `profileSql`. */
const profileRow = z.object({
  place: z.int(),
  row_count: z.int(),
  null_count: z.int(),
  distinct_count: z.int().nullish(),
  min: text,
  max: text,
  mean: z.union([z.number(), z.string()]).nullish(),
  std: z.union([z.number(), z.string()]).nullish(),
  q25: text,
  q50: text,
  q75: text,
  top_values: jsonText(z.array(z.object({ value: z.string(), count: z.int() }))),
  histogram: jsonText(z.array(z.object({ from: z.number(), to: z.number(), count: z.int() }))),
});

/** The rows of `profileSql` as a sync would have computed them. */
export function readProfileRows(rows: unknown, columns: DataTable["columns"]): Profile {
  const found = new Map(
    z
      .array(profileRow)
      .parse(rows)
      .map((row) => [row.place, row]),
  );
  const profiles = columns.flatMap(({ name, type }, place): ColumnProfile[] => {
    const row = found.get(place);
    if (row === undefined) return [];
    const cell = (value: string | null | undefined) => (value == null ? null : toCell(value, type));
    return [
      {
        name,
        type,
        null_count: row.null_count,
        null_share: row.row_count === 0 ? 0 : row.null_count / row.row_count,
        distinct_count: row.distinct_count ?? null,
        distinct_is_exact: row.distinct_count == null ? null : false,
        min: cell(row.min),
        max: cell(row.max),
        mean: row.mean ?? null,
        std: row.std ?? null,
        q25: cell(row.q25),
        q50: cell(row.q50),
        q75: cell(row.q75),
        top_values: row.top_values?.map(({ value, count }) => ({ value: cell(value), count })) ?? [],
        histogram: row.histogram ?? null,
      },
    ];
  });
  return { row_count: found.get(0)?.row_count ?? 0, columns: profiles };
}

/** Of a decimal with so many digits a double prints what was written. */
const EXACT_DIGITS = 15;

/** A value out of its text, as it stands in the files beside a snapshot. */
function toCell(value: string, type: string): string | number | boolean {
  if (type === "BOOLEAN") return value === "true";
  if (kindOf(type) !== "number") return value;
  const number = Number(value);
  if (!Number.isFinite(number)) return value;
  if (type === "DOUBLE" || type === "FLOAT") return number;
  if (Number.isInteger(number)) return Number.isSafeInteger(number) ? number : value;
  return value.replace(/\D/g, "").length <= EXACT_DIGITS ? number : value;
}
