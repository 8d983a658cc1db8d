import type { DataTable } from "../../shared/contract/data.ts";
import type { ShownColumn } from "./render-rows.ts";

type SeenColumn = Pick<DataTable["columns"][number], "name" | "masked">;

/**
 * Of a snapshot's columns those that the caller may see, with their places: what nobody said he may see stays out. A
 * snapshot's names are unique whatever their case is.
 */
export function showColumns(stored: { name: string }[], seen: SeenColumn[]): ShownColumn[] {
  const places = new Map(stored.map(({ name }, index) => [name, index]));
  return seen.flatMap(({ name, masked }) => {
    const index = places.get(name);
    return index === undefined ? [] : [{ name, index, isMasked: masked }];
  });
}
