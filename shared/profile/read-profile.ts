import { z } from "zod";
import { type ColumnProfile, columnProfile } from "../contract/data.ts";

/** What is told of so many rows of a table. */
export const tableProfile = z.object({ row_count: z.int(), columns: z.array(columnProfile) });
export type TableProfile = z.infer<typeof tableProfile>;

const said = columnProfile
  .omit({ name: true, type: true, source_type: true, null_share: true })
  .extend({ row_count: z.int() });

const rows = z.array(
  z.object({
    place: z.int(),
    profile: z
      .string()
      .transform((json): unknown => JSON.parse(json))
      .pipe(said),
  }),
);

/** The profile that the rows of `profileSql` are, as a query's result has them in JSON. */
export function readProfile(
  result: unknown,
  columns: Pick<ColumnProfile, "name" | "type" | "source_type">[],
): TableProfile {
  const profiles = new Map(rows.parse(result).map(({ place, profile }) => [place, profile]));
  return {
    row_count: profiles.get(0)?.row_count ?? 0,
    columns: columns.flatMap(({ name, type, source_type }, place): ColumnProfile[] => {
      const profile = profiles.get(place);
      if (profile === undefined) return [];
      const { row_count, null_count, ...figures } = profile;
      const null_share = row_count === 0 ? 0 : null_count / row_count;
      return [{ name, type, source_type, null_count, null_share, ...figures }];
    }),
  };
}
