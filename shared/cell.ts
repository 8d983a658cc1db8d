/** A value as JSON carries it without loss. */
export type Cell = null | boolean | number | string;

/** A cell as JSON; -0 as `-0.0`, whose sign is kept by readers that would take `-0` for an integer, too. */
export function toJson(cell: Cell): string {
  return Object.is(cell, -0) ? "-0.0" : JSON.stringify(cell);
}

/** A cell as CSV, quoted by RFC 4180: nothing at all stands for null, and two quotes for an empty text. */
export function toCsvField(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell !== "string") return toJson(cell);
  return cell === "" || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
