import { syntaxError } from "../snowflake-error.ts";
import { type Group, isGroup, isSymbol, isWord, type Node } from "./token-tree.ts";
import { placeOf } from "./tokenize.ts";

/** Reads a statement's nodes from left to right. */
export class Cursor {
  readonly sql: string;
  readonly nodes: Node[];
  at = 0;

  constructor(sql: string, nodes: Node[]) {
    this.sql = sql;
    this.nodes = nodes;
  }

  get done(): boolean {
    return this.at >= this.nodes.length;
  }

  peek(ahead = 0): Node | undefined {
    return this.nodes[this.at + ahead];
  }

  /** Takes the words if they all come next, in this order. */
  take(...words: string[]): boolean {
    if (!words.every((word, ahead) => isWord(this.peek(ahead), word))) return false;
    this.at += words.length;
    return true;
  }

  takeSymbol(symbol: string): boolean {
    if (!isSymbol(this.peek(), symbol)) return false;
    this.at += 1;
    return true;
  }

  expect(...words: string[]): void {
    for (const word of words) if (!this.take(word)) throw this.unexpected();
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected();
  }

  takeGroup(): Group | undefined {
    const node = this.peek();
    if (!isGroup(node)) return undefined;
    this.at += 1;
    return node;
  }

  group(): Group {
    const group = this.takeGroup();
    if (group === undefined) throw this.unexpected();
    return group;
  }

  /** An identifier, folded to upper case unless it is quoted. */
  identifier(): string {
    const node = this.peek();
    if (node?.kind !== "word" && node?.kind !== "quoted") throw this.unexpected();
    this.at += 1;
    return node.text;
  }

  /** A name of up to three parts; `db..table` means the schema PUBLIC. */
  path(): string[] {
    const parts = [this.identifier()];
    while (this.takeSymbol(".")) parts.push(isSymbol(this.peek(), ".") ? "PUBLIC" : this.identifier());
    return parts;
  }

  string(): string {
    const node = this.peek();
    if (node?.kind !== "string") throw this.unexpected();
    this.at += 1;
    return node.text;
  }

  integer(): number {
    const node = this.peek();
    if (node?.kind !== "number" || !/^\d+$/.test(node.text)) throw this.unexpected();
    this.at += 1;
    return Number(node.text);
  }

  rest(): Node[] {
    return this.nodes.slice(this.at);
  }

  expectEnd(): void {
    if (!this.done) throw this.unexpected();
  }

  unexpected() {
    const node = this.peek();
    if (node === undefined) return syntaxError("<EOF>", placeOf(this.sql, this.nodes.at(-1)?.end ?? this.sql.length));
    const text = node.kind === "group" ? node.open : this.sql.slice(node.at, node.end);
    return syntaxError(text, placeOf(this.sql, node.at));
  }
}
