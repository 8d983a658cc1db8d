import { cancelled, invalidIdentifier, SnowflakeError } from "./snowflake-error.ts";
import { decodeName } from "./sql/identifiers.ts";
import { placeOf, tokenize } from "./sql/tokenize.ts";

type Translate = (match: RegExpExecArray) => SnowflakeError;

/** What DuckDB refuses, as Snowflake would; the first that fits. */
const TRANSLATIONS: [pattern: RegExp, translate: Translate][] = [
  [/^INTERRUPT Error/, cancelled],
  [/Referenced column "([^"]+)" (?:not found|was not found)/, ([, name = ""]) => invalidIdentifier(decodeName(name))],
  [
    /Values list "([^"]+)" does not have a column named "([^"]+)"/,
    ([, , name = ""]) => invalidIdentifier(decodeName(name)),
  ],
  [
    /Table "([^"]+)" does not have a column named "([^"]+)"/,
    ([, table = "", name = ""]) => invalidIdentifier(`${decodeName(table)}.${decodeName(name)}`),
  ],
  [/Referenced table "([^"]+)" not found/, ([, name = ""]) => invalidIdentifier(decodeName(name))],
  [/Division by zero/, () => new SnowflakeError("100051", "22012", "Division by zero")],
  [
    /NULL result in a non-nullable column ?(\S*)/,
    () => new SnowflakeError("100072", "22000", "NULL result in a non-nullable column"),
  ],
  [
    /(String '[\s\S]*' is too long and would be truncated)/,
    ([, text = ""]) => new SnowflakeError("100078", "22000", text),
  ],
  [/(Timestamp '[\s\S]*?' is not recognized)/, ([, text = ""]) => new SnowflakeError("100035", "22007", text)],
  [
    /invalid (?:timestamp|date) field format: "([^"]*)"/,
    ([, text = ""]) => new SnowflakeError("100040", "22007", `Date '${text}' is not recognized`),
  ],
  [
    /Could not convert string ['"]([\s\S]*?)['"] to (\w+)/,
    ([, text = "", type = ""]) =>
      type.startsWith("BOOL")
        ? new SnowflakeError("100037", "22018", `Boolean value '${text}' is not recognized`)
        : new SnowflakeError("100038", "22018", `Numeric value '${text}' is not recognized`),
  ],
  [
    /Could not cast value (\S+)/,
    ([, value = ""]) => new SnowflakeError("100132", "22003", `Numeric value '${value}' is out of range`),
  ],
  [
    /Out of Range Error: ([^\n]*)/,
    ([, text = ""]) => new SnowflakeError("100046", "22003", `Number out of representable range: ${text}`),
  ],
  [/Malformed JSON[^\n]*/, ([text]) => new SnowflakeError("100069", "22P02", `Error parsing JSON: ${text}`)],
  [
    /More than one row returned by a subquery/,
    () => new SnowflakeError("090150", "22000", "Single-row subquery returns more than one row."),
  ],
  [
    /column "([^"]+)" must appear in the GROUP BY clause/,
    ([, name = ""]) =>
      new SnowflakeError(
        "000979",
        "42601",
        `SQL compilation error:\n'${decodeName(name)}' in select clause is neither an aggregate nor in the group by clause.`,
      ),
  ],
  [
    /Ambiguous reference to column name "([^"]+)"/,
    ([, name = ""]) =>
      new SnowflakeError("001006", "42601", `SQL compilation error:\nambiguous column name '${decodeName(name)}'`),
  ],
  [
    /syntax error at or near "([^"]+)"/,
    ([, text = ""]) =>
      new SnowflakeError("001003", "42000", `SQL compilation error:\nsyntax error unexpected '${decodeName(text)}'.`, {
        line: 1,
        pos: 0,
      }),
  ],
  [
    /syntax error at end of input/,
    () =>
      new SnowflakeError("001003", "42000", "SQL compilation error:\nsyntax error unexpected '<EOF>'.", {
        line: 1,
        pos: 0,
      }),
  ],
  [
    /TransactionContext Error: Conflict/,
    () =>
      new SnowflakeError(
        "000625",
        "57014",
        "Statement has locked table in transaction, or was aborted because of a conflict with another transaction.",
      ),
  ],
  [
    /(?:Binder|Catalog) Error: ([^\n]*)/,
    ([, text = ""]) =>
      new SnowflakeError(
        "001044",
        "42P13",
        `SQL compilation error: error line 1 at position 0\n${text.replaceAll(/\bsf_/g, "")}`,
        { line: 1, pos: 0 },
      ),
  ],
  [
    /Parser Error: ([^\n]*)/,
    ([, text = ""]) => new SnowflakeError("001003", "42000", `SQL compilation error:\n${text}`, { line: 1, pos: 0 }),
  ],
  [/Conversion Error: ([^\n]*)/, ([, text = ""]) => new SnowflakeError("100038", "22018", text)],
  [/Invalid Input Error: ([^\n]*)/, ([, text = ""]) => new SnowflakeError("100037", "22018", text)],
];

/** The place of a name in the text, which DuckDB's message about the translation does not know. */
export function locate(error: SnowflakeError, sql: string): SnowflakeError {
  if (error.code !== "000904" || error.line > 1 || error.pos > 0) return error;
  const name = /invalid identifier '(.*)'$/.exec(error.message)?.[1] ?? "";
  const wanted = name.split(".").at(-1) ?? "";
  const token = tokenize(sql).find(({ kind, text }) => (kind === "word" || kind === "quoted") && text === wanted);
  return token === undefined ? error : invalidIdentifier(name, placeOf(sql, token.at));
}

/** The refusal that an error amounts to; undefined where the stand-in itself is at fault. */
export function fromDuckError(error: unknown): SnowflakeError | undefined {
  if (error instanceof SnowflakeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  for (const [pattern, translate] of TRANSLATIONS) {
    const match = pattern.exec(message);
    if (match !== null) return translate(match);
  }
  return undefined;
}
