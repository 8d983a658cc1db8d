import { syntaxError } from "../snowflake-error.ts";

/** A piece of SQL text; `at` and `end` are its place in the text. */
export interface Token {
  /** `word`: unquoted; `quoted`: an identifier in double quotes; `variable`: `$name`; `sql`: already translated. */
  kind: "word" | "quoted" | "string" | "number" | "symbol" | "variable" | "sql";
  /** Upper case for words, without quotes and escapes for the quoted. */
  text: string;
  at: number;
  end: number;
}

const SYMBOLS = ["::", "<=", ">=", "<>", "!=", "||", "=>", "->"];
const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", "0": "\0" };
const isSpace = (char: string) => /\s/.test(char);
const isDigit = (char: string) => char >= "0" && char <= "9";
const startsWord = (char: string) => /[\p{L}_]/u.test(char);
const continuesWord = (char: string) => /[\p{L}\p{N}_$]/u.test(char);

/** Cuts SQL into tokens; comments go. Strings know backslash escapes, doubled quotes and `$$`. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const push = (kind: Token["kind"], text: string, end: number) => {
    tokens.push({ kind, text, at, end });
    at = end;
  };
  while (at < sql.length) {
    const char = sql.charAt(at);
    const two = sql.slice(at, at + 2);
    if (isSpace(char)) at += 1;
    else if (two === "--" || two === "//") at = endOr(sql, sql.indexOf("\n", at));
    else if (two === "/*") at = closing(sql, "*/", at);
    else if (two === "$$") {
      const end = closing(sql, "$$", at);
      push("string", sql.slice(at + 2, end - 2), end);
    } else if (char === "'") {
      const { text, end } = readString(sql, at);
      push("string", text, end);
    } else if (char === '"') {
      const end = closingQuote(sql, at);
      push("quoted", sql.slice(at + 1, end - 1).replaceAll('""', '"'), end);
    } else if (isDigit(char) || (char === "." && isDigit(sql.charAt(at + 1)))) {
      const end = endOfNumber(sql, at);
      push("number", sql.slice(at, end), end);
    } else if (startsWord(char)) {
      const end = endOfWord(sql, at);
      push("word", sql.slice(at, end).toUpperCase(), end);
    } else if (char === "$" && continuesWord(sql.charAt(at + 1))) {
      const end = endOfWord(sql, at + 1);
      push("variable", sql.slice(at + 1, end).toUpperCase(), end);
    } else {
      const symbol = SYMBOLS.includes(two) ? two : char;
      push("symbol", symbol, at + symbol.length);
    }
  }
  return tokens;
}

/** The place as Snowflake tells it: lines from 1, positions from 0. */
export function placeOf(sql: string, at: number): { line: number; pos: number } {
  const before = sql.slice(0, at).split("\n");
  return { line: before.length, pos: before.at(-1)?.length ?? 0 };
}

/** Divides at the semicolons; empty statements go. */
export function splitStatements(tokens: Token[]): Token[][] {
  const statements: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === "symbol" && token.text === ";") statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((statement) => statement.length > 0);
}

const endOr = (sql: string, found: number) => (found < 0 ? sql.length : found);

function closing(sql: string, mark: string, at: number): number {
  const found = sql.indexOf(mark, at + 2);
  if (found < 0) throw syntaxError(sql.slice(at, at + 2), placeOf(sql, at));
  return found + 2;
}

function closingQuote(sql: string, at: number): number {
  for (let end = at + 1; end < sql.length; end += 1) {
    if (sql.charAt(end) !== '"') continue;
    if (sql.charAt(end + 1) !== '"') return end + 1;
    end += 1;
  }
  throw syntaxError('"', placeOf(sql, at));
}

function readString(sql: string, at: number): { text: string; end: number } {
  let text = "";
  for (let end = at + 1; end < sql.length; end += 1) {
    const char = sql.charAt(end);
    if (char === "'" && sql.charAt(end + 1) !== "'") return { text, end: end + 1 };
    if (char === "'") {
      text += "'";
      end += 1;
    } else if (char === "\\") {
      end += 1;
      const code = /^(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})/.exec(sql.slice(end, end + 5))?.[0];
      text += code ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : unescaped(sql.charAt(end));
      if (code) end += code.length - 1;
    } else text += char;
  }
  throw syntaxError("'", placeOf(sql, at));
}

const unescaped = (char: string) => ESCAPES[char] ?? char;

function endOfNumber(sql: string, at: number): number {
  return at + (/^\d*\.?\d*(?:[eE][+-]?\d+)?/.exec(sql.slice(at, at + 400))?.[0].length ?? 1);
}

function endOfWord(sql: string, at: number): number {
  let end = at;
  while (end < sql.length && continuesWord(sql.charAt(end))) end += 1;
  return end;
}
