/**
 * A relation whose rows have numbers, and what the number is called there. A table's own is hidden by a column of that
 * name; rows are then counted in their order.
 */
export function numberedRows(relation: string, columns: string[]): [from: string, id: string] {
  const names = new Set(columns.map((name) => name.toLowerCase()));
  if (!names.has("rowid")) return [relation, "rowid"];
  let id = "row_number";
  while (names.has(id)) id += "_";
  return [`(SELECT *, row_number() OVER () AS ${id} FROM ${relation})`, id];
}
