import type { ColumnType } from "../column-type.ts";
import { syntaxError, unsupported } from "../snowflake-error.ts";
import { typeIn } from "./cast.ts";
import { Cursor } from "./cursor.ts";
import { endsOperand } from "./ends-operand.ts";
import { type Argument, callSql, type FunctionContext } from "./functions.ts";
import { duckName, quoteText } from "./identifiers.ts";
import { AFTER_OPERAND, BARE_FUNCTIONS, CLAUSES, IN_WINDOW, RESERVED } from "./keywords.ts";
import { assemble, operand, type Piece, word } from "./pieces.ts";
import { castPiece, rewriteCall } from "./rewrite-call.ts";
import { rewriteFactor } from "./rewrite-factor.ts";
import { type Group, isGroup, isSymbol, isWord, type Node, splitAtCommas } from "./token-tree.ts";
import { placeOf } from "./tokenize.ts";

/** What a statement's names mean. */
export interface Scope extends FunctionContext {
  /** The text that the nodes' places refer to. */
  sql: string;
  /** SQL of a table or view as of now, or as of the moment that an AT or BEFORE names. */
  table(path: string[], travel: { before: boolean; group: Group } | undefined): string;
  /** SQL of a table function such as RESULT_SCAN. */
  tableFunction(path: string[], args: Argument[]): string | undefined;
  /** Names of columns that hold moments in the tables that the statement names. */
  momentColumns: ReadonlySet<string>;
  /** Names that a WITH defines. */
  commonTables: Set<string>;
  variable(name: string): string;
  /** What TIMESTAMP means. */
  timestampMapping: ColumnType["kind"];
}

const PREFIXED = new Set(["DATE", "TIME", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"]);
const JOINS = new Set(["JOIN"]);

/** Translates a query, or an expression, from Snowflake's dialect to DuckDB's. */
export function rewrite(nodes: Node[], scope: Scope): string {
  return assemble(new Rewriter(nodes, scope).run());
}

/** Translates what begins inside a FROM clause. */
export function rewriteFrom(nodes: Node[], scope: Scope): string {
  return assemble(new Rewriter(nodes, scope).run(true));
}

class Rewriter {
  readonly #nodes: Node[];
  readonly #scope: Scope;
  readonly #pieces: Piece[] = [];
  #at = 0;
  #inFrom = false;

  constructor(nodes: Node[], scope: Scope) {
    this.#nodes = nodes;
    this.#scope = scope;
  }

  run(inFrom = false): Piece[] {
    if (inFrom) this.#factors();
    while (this.#at < this.#nodes.length) this.#step();
    return this.#pieces;
  }

  get #afterOperand(): boolean {
    const last = this.#pieces.at(-1);
    return last !== undefined && last.kind !== "word";
  }

  #peek(ahead = 0): Node | undefined {
    return this.#nodes[this.#at + ahead];
  }

  #step(): void {
    const node = this.#peek();
    if (node === undefined) return;
    if (node.kind === "symbol") this.#symbol(node.text);
    else if (node.kind !== "word" || !this.#keyword(node.text)) this.#pieces.push(this.#operand());
  }

  #symbol(text: string): void {
    if (text === "?" || text === ":" || text === "@") throw syntaxError(text, this.#place());
    this.#at += 1;
    this.#pieces.push(text === "*" && !this.#afterOperand ? operand("*") : word(text === "!=" ? "<>" : text));
    if (text === "," && this.#inFrom) this.#factors();
  }

  /** Takes a keyword with what belongs to it; false when the word is a name or a function here. */
  #keyword(text: string): boolean {
    const next = this.#peek(1);
    if (text === "SELECT") return this.#select();
    if (text === "WITH") return this.#with();
    if (
      text === "FROM" &&
      !(isWord(this.#nodes[this.#at - 1], "DISTINCT") && isWord(this.#nodes[this.#at - 3], "IS", "NOT")) &&
      !isWord(this.#nodes[this.#at - 2], "IS")
    ) {
      this.#push("FROM");
      this.#factors();
      return true;
    }
    if (JOINS.has(text)) {
      this.#push("JOIN");
      this.#factors();
      return true;
    }
    if (
      text === "CASE" ||
      text === "CAST" ||
      text === "TRY_CAST" ||
      text === "NULL" ||
      text === "TRUE" ||
      text === "FALSE"
    )
      return false;
    if (isGroup(next) && ["LEFT", "RIGHT", "INSERT", "RLIKE"].includes(text) && !this.#afterOperand) return false;
    if (text === "MINUS") return this.#push("EXCEPT");
    if (text === "RLIKE" || text === "REGEXP") return this.#push("SIMILAR TO");
    if (text === "DATE" || !this.#isKeyword(text)) return false;
    if (CLAUSES.has(text)) this.#inFrom = false;
    if (text === "FOR" || text === "CONNECT" || text === "START") throw unsupported(text);
    return this.#push(text);
  }

  #isKeyword(text: string): boolean {
    if (RESERVED.has(text)) return true;
    if (AFTER_OPERAND.has(text)) {
      const last = this.#pieces.at(-1);
      return (
        this.#afterOperand ||
        last?.sql === "NULLS" ||
        ["ASC", "DESC", "FIRST", "LAST", "UNBOUNDED", "ROW"].includes(last?.sql ?? "")
      );
    }
    if (text === "OVER" || text === "WITHIN") return isGroup(this.#peek(1)) || isWord(this.#peek(1), "GROUP");
    return (
      IN_WINDOW.has(text) &&
      (this.#at === 0 || this.#afterOperand || text === "UNBOUNDED" || isWord(this.#peek(1), "BETWEEN"))
    );
  }

  #push(text: string): true {
    this.#at += 1;
    this.#pieces.push(word(text));
    return true;
  }

  #place() {
    return placeOf(this.#scope.sql, this.#peek()?.at ?? this.#scope.sql.length);
  }

  /** WITH name [(columns)] AS (query), …: the names hide tables from here on. */
  #with(): true {
    this.#push("WITH");
    if (isWord(this.#peek(), "RECURSIVE")) this.#push("RECURSIVE");
    for (;;) {
      const cursor = new Cursor(this.#scope.sql, this.#nodes.slice(this.#at));
      const name = cursor.identifier();
      const columns = cursor.takeGroup();
      cursor.expect("AS");
      this.#scope.commonTables.add(name);
      const body = rewrite(cursor.group().items, this.#scope);
      const list = columns === undefined ? "" : ` (${this.#names(columns)})`;
      this.#pieces.push(operand(`${duckName(name)}${list} AS (${body})`));
      this.#at += cursor.at;
      if (!isSymbol(this.#peek(), ",")) return true;
      this.#push(",");
    }
  }

  #names(group: Group): string {
    return splitAtCommas(group.items)
      .map((part) => duckName(new Cursor(this.#scope.sql, part).identifier()))
      .join(", ");
  }

  /** SELECT [DISTINCT] [TOP n] list: each item gets the name that Snowflake gives it. */
  #select(): true {
    this.#push("SELECT");
    this.#inFrom = false;
    if (isWord(this.#peek(), "DISTINCT", "ALL")) this.#push(isWord(this.#peek(), "ALL") ? "ALL" : "DISTINCT");
    let top: string | undefined;
    if (isWord(this.#peek(), "TOP") && this.#peek(1)?.kind === "number") {
      top = String(new Cursor(this.#scope.sql, this.#nodes.slice(this.#at + 1)).integer());
      this.#at += 2;
    }
    let end = this.#at;
    while (end < this.#nodes.length && !this.#endsList(end)) end += 1;
    const items = splitAtCommas(this.#nodes.slice(this.#at, end));
    if (items.length === 0 || items.some((item) => item.length === 0)) {
      this.#at = end;
      throw syntaxError(this.#peek() === undefined ? "<EOF>" : this.#text(this.#peek()), this.#place());
    }
    const list = items.map((item) => this.#item(item)).join(", ");
    this.#pieces.push(operand(list));
    this.#at = end;
    if (top !== undefined) {
      const rest = new Rewriter(this.#nodes.slice(end), this.#scope).run();
      this.#pieces.push(operand(assemble(rest)), word("LIMIT"), operand(top));
      this.#at = this.#nodes.length;
    }
    return true;
  }

  #endsList(at: number): boolean {
    const node = this.#nodes[at];
    if (node?.kind !== "word" || !CLAUSES.has(node.text)) return false;
    const before = this.#nodes[at - 1];
    if (isSymbol(before, ".") || (node.text === "GROUP" && isWord(before, "WITHIN"))) return false;
    return RESERVED.has(node.text)
      ? !(node.text === "FROM" && isWord(before, "DISTINCT") && isWord(this.#nodes[at - 2], "IS", "NOT"))
      : endsOperand(before);
  }

  #text(node: Node | undefined): string {
    return node === undefined ? "" : this.#scope.sql.slice(node.at, node.end);
  }

  #item(item: Node[]): string {
    const last = item.at(-1);
    const before = item.at(-2);
    const named = last?.kind === "quoted" || (last?.kind === "word" && !RESERVED.has(last.text) && last.text !== "END");
    if (item.length > 2 && isWord(before, "AS") && (last?.kind === "quoted" || last?.kind === "word"))
      return `${rewrite(item.slice(0, -2), this.#scope)} AS ${duckName(last.text)}`;
    if (item.length > 1 && named && (last?.kind === "quoted" || last?.kind === "word") && endsOperand(before))
      return `${rewrite(item.slice(0, -1), this.#scope)} AS ${duckName(last.text)}`;
    const sql = rewrite(item, this.#scope);
    const isStar = item.some((node, at) => isSymbol(node, "*") && (at === 0 || isSymbol(item[at - 1], ".")));
    const isPath = item.every((node, at) =>
      at % 2 === 1 ? isSymbol(node, ".") : node.kind === "quoted" || node.kind === "word",
    );
    if (isStar || (isPath && (item.length > 1 || sql.startsWith('"')))) return sql;
    return `${sql} AS ${duckName(this.#scope.sql.slice(item[0]?.at, last?.end).toUpperCase())}`;
  }

  #factors(): void {
    this.#inFrom = true;
    const { sql, taken } = rewriteFactor(this.#nodes.slice(this.#at), this.#scope);
    this.#pieces.push(operand(sql));
    this.#at += taken;
  }

  /** One value with its casts, subscripts and paths. */
  #operand(): Piece {
    let piece = this.#primary();
    for (;;) {
      const node = this.#peek();
      if (isSymbol(node, "::")) {
        this.#at += 1;
        piece = castPiece(piece.sql, this.#type(), false);
      } else if (isGroup(node, "[")) {
        this.#at += 1;
        piece = operand(`sf_get(${piece.sql}, ${rewrite(node.items, this.#scope)})`);
      } else if (isSymbol(node, ":") && this.#peek(1)?.kind !== "number") {
        piece = operand(`sf_path(${piece.sql}, ${quoteText(this.#path())})`);
      } else return piece;
    }
  }

  #path(): string {
    let path = "$";
    while (isSymbol(this.#peek(), ":", ".") || (isGroup(this.#peek(), "[") && path !== "$")) {
      const node = this.#peek();
      this.#at += 1;
      if (isGroup(node, "[")) {
        const inner = node.items[0];
        path += inner?.kind === "string" ? `."${inner.text}"` : `[${inner?.kind === "number" ? inner.text : 0}]`;
        continue;
      }
      const key = this.#peek();
      if (key?.kind !== "word" && key?.kind !== "quoted") throw syntaxError(":", this.#place());
      path += `."${key.kind === "quoted" ? key.text : this.#text(key)}"`;
      this.#at += 1;
    }
    return path;
  }

  #type(): ColumnType {
    const cursor = new Cursor(this.#scope.sql, this.#nodes.slice(this.#at));
    const type = typeIn(cursor, this.#scope);
    this.#at += cursor.at;
    return type;
  }

  #primary(): Piece {
    const node = this.#peek();
    if (node === undefined) throw syntaxError("<EOF>", this.#place());
    if (node.kind === "symbol") throw syntaxError(node.text, this.#place());
    if (node.kind === "word") return this.#word(node.text);
    this.#at += 1;
    if (node.kind === "sql" || node.kind === "number") return operand(node.text);
    if (node.kind === "string") return operand(quoteText(node.text));
    if (node.kind === "variable")
      return operand(/^\d+$/.test(node.text) ? `"COLUMN${node.text}"` : this.#scope.variable(node.text));
    if (node.kind === "quoted") return this.#column([node.text]);
    if (node.kind === "group" && node.open === "{") return operand(this.#object(node));
    if (node.kind !== "group") throw syntaxError(this.#text(node), placeOf(this.#scope.sql, node.at));
    if (node.open === "[")
      return operand(
        `sf_mkarray(json_array(${splitAtCommas(node.items)
          .map((one) => `sf_json(${rewrite(one, this.#scope)})::JSON`)
          .join(", ")}))`,
      );
    const inner = new Rewriter(node.items, this.#scope).run();
    return operand(
      `(${assemble(inner)})`,
      inner.some((piece) => piece.moment),
    );
  }

  /** `{'key': value, …}`. */
  #object(group: Group): string {
    const args = splitAtCommas(group.items).flatMap((part): Argument[] => {
      const [key, colon, ...value] = part;
      if (key?.kind !== "string" || !isSymbol(colon, ":")) throw syntaxError("{", placeOf(this.#scope.sql, group.at));
      return [
        { nodes: [key], sql: quoteText(key.text) },
        { nodes: value, sql: rewrite(value, this.#scope) },
      ];
    });
    return callSql("OBJECT_CONSTRUCT", args, this.#scope) ?? "NULL";
  }

  #word(text: string): Piece {
    const next = this.#peek(1);
    if (text === "CASE") return this.#case();
    if (text === "NULL" || text === "TRUE" || text === "FALSE") {
      this.#at += 1;
      return operand(text);
    }
    if (text === "INTERVAL" && next?.kind === "string") {
      this.#at += 2;
      return { kind: "interval", sql: `INTERVAL ${quoteText(intervalText(next.text))}`, moment: false };
    }
    if (PREFIXED.has(text) && next?.kind === "string") {
      const type = typeIn(new Cursor(this.#scope.sql, [{ kind: "word", text, at: 0, end: 0 }]), this.#scope);
      this.#at += 2;
      return castPiece(quoteText(next.text), type, false);
    }
    if (isGroup(next)) {
      this.#at += 2;
      return this.#call(text, next);
    }
    this.#at += 1;
    if (BARE_FUNCTIONS.has(text)) return operand(callSql(text, [], this.#scope) ?? text, text !== "CURRENT_USER");
    return this.#column([text]);
  }

  /** A column, qualified or not; of a longer path the table's name and the column's count. */
  #column(path: string[]): Piece {
    while (isSymbol(this.#peek(), ".")) {
      const next = this.#peek(1);
      if (isSymbol(next, "*")) {
        this.#at += 2;
        return operand(`${duckName(path.at(-1) ?? "")}.*`);
      }
      const numbered = next?.kind === "variable" && /^\d+$/.test(next.text);
      if (next?.kind !== "word" && next?.kind !== "quoted" && !numbered) throw syntaxError(".", this.#place());
      path.push(numbered ? `COLUMN${next.text}` : next.text);
      this.#at += 2;
      const group = this.#peek();
      if (isGroup(group)) {
        this.#at += 1;
        return this.#call(path.at(-1) ?? "", group);
      }
    }
    return operand(path.slice(-2).map(duckName).join("."), this.#scope.momentColumns.has(path.at(-1) ?? ""));
  }

  #case(): Piece {
    let depth = 0;
    let end = this.#at;
    for (; end < this.#nodes.length; end += 1) {
      const node = this.#nodes[end];
      if (isWord(node, "CASE")) depth += 1;
      if (isWord(node, "END") && !isSymbol(this.#nodes[end - 1], ".")) depth -= 1;
      if (depth === 0) break;
    }
    const body = new Rewriter(this.#nodes.slice(this.#at + 1, end), this.#scope).run();
    this.#at = end + 1;
    return operand(`CASE ${assemble(body)} END`, false);
  }

  /** A call, and what stands after it and belongs to it. */
  #call(name: string, group: Group): Piece {
    const { piece, taken } = rewriteCall(name, group, this.#nodes.slice(this.#at), this.#scope);
    this.#at += taken;
    return piece;
  }
}

/** `'1 day, 2 hours'` and `'1d'` as DuckDB reads them. */
function intervalText(text: string): string {
  return text.replaceAll(",", " ").replace(/^\s*(-?\d+)\s*$/, "$1 seconds");
}
