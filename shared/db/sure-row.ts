/** A row in which those columns are never null. */
export type SureRow<Row, Sure extends keyof Row> = Row & { [Column in Sure]: NonNullable<Row[Column]> };

/** The row of a composite type, of which SQL knows and generated types do not that those columns are never null. */
export function sureRow<Row extends object, Sure extends keyof Row>(
  row: Row,
  sure: readonly Sure[],
): SureRow<Row, Sure> {
  const hasAll = (one: Row): one is SureRow<Row, Sure> => sure.every((column) => one[column] !== null);
  if (hasAll(row)) return row;
  throw new Error(`Postgres: of ${sure.join(", ")} one is null`);
}
