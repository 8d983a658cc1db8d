const MARK = "\u2060";

/**
 * DuckDB compares names without case and Snowflake compares them with it: lower-case letters are told after a mark, so
 * that two names that differ in case alone differ in more.
 */
export function encodeName(name: string): string {
  if (name === name.toUpperCase()) return name;
  const lower = [...name].flatMap((char, index) => (char === char.toUpperCase() ? [] : [index.toString(36)]));
  return `${name}${MARK}${lower.length === [...name].length ? "" : lower.join(".")}`;
}

export function decodeName(name: string): string {
  const mark = name.indexOf(MARK);
  return mark < 0 ? name : name.slice(0, mark);
}

/** A name as DuckDB reads it, whatever it holds. */
export const duckName = (name: string) => quoteName(encodeName(name));

export const quoteName = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** A text as DuckDB reads it, to which a NUL is the end of the statement. */
export function quoteText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\0") ? `(${quoted.replaceAll("\0", "' || chr(0) || '")})` : quoted;
}

/** A name as Snowflake prints it in messages. */
export const printName = (name: string) => (/^[A-Z_][A-Z0-9_$]*$/.test(name) ? name : quoteName(name));
