/** Lays rows out in columns under a header line; numbers and anything that starts with a digit align right. */
export function formatTable(header: string[], rows: string[][]): string {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? "").length)));
  const rightAligned = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[-\d]/.test(row[column] ?? "")),
  );
  const line = (cells: string[]) =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? "";
        return rightAligned[column] ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [line(header), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Bytes for a person: decimal units, three digits. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toPrecision(bytes < 1000 ? Math.max(1, String(bytes).length) : 3)} ${UNITS[power]}`;
}

/** Milliseconds for a person. */
export function formatDuration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
