const MAX_LINE_CHARS = 120;
const BEFORE_CHARS = 60;

/** A message above the line that it is about, with a caret below the place; the place is in bytes of UTF-8. */
export function pointAt(sql: string, location: number | undefined, message: string): string {
  const bytes = Buffer.from(sql);
  if (location === undefined || location > bytes.length) return message;
  const before = bytes.subarray(0, location).toString();
  const lineStart = before.lastIndexOf("\n") + 1;
  const number = before.split("\n").length;
  const [line = ""] = sql.slice(lineStart).split("\n", 1);
  const column = before.length - lineStart;
  const cutFrom = line.length > MAX_LINE_CHARS ? Math.max(0, column - BEFORE_CHARS) : 0;
  const cut = line.slice(cutFrom, cutFrom + MAX_LINE_CHARS);
  const lead = `LINE ${number}: ${cutFrom > 0 ? "..." : ""}`;
  const tail = cutFrom + MAX_LINE_CHARS < line.length ? "..." : "";
  return `${message}\n\n${lead}${cut}${tail}\n${" ".repeat(lead.length + column - cutFrom)}^`;
}
