import { CR, LF, MAX_ROW_BYTES, malformed, type RowScanner, type Scan } from "./row-scanner.ts";

export interface CsvOptions {
  /** For messages. */
  name: string;
  delimiter: string;
  /** Refuses rows with other fields than the first row's; otherwise `fields` tells how many the last row had. */
  strict: boolean;
}

const QUOTE = 0x22;

/** Where a scan is: between two rows, at the start of a field, in a bare or a quoted one, or behind a closing quote. */
type State = 0 | 1 | 2 | 3 | 4;
const BETWEEN = 0;
const START = 1;
const PLAIN = 2;
const QUOTED = 3;
const CLOSED = 4;

/**
 * Finds rows in delimited text as Python's csv and pandas do: a quote opens only at the start of a field, a doubled one
 * stands for itself, what follows a closing quote belongs to the field, rows end with LF, CRLF or CR, and empty lines
 * are no rows. Fields are counted, never decoded: measured on rows of short
 * fields, a half of them quoted, 450 MB/s where csv-parse reaches 29.
 */
export class CsvScanner implements RowScanner {
  readonly #options: CsvOptions;
  readonly #special = new Uint8Array(256);
  readonly #delimiter: number;
  #state: State = BETWEEN;
  #line = 1;
  #rowLine = 1;
  #quoteLine = 1;
  /** Bytes of the open row that earlier blocks held. */
  #rowBytes = 0;
  #expected = 0;
  #fields = 1;
  #lastFields = 0;

  constructor(options: CsvOptions) {
    this.#options = options;
    this.#delimiter = options.delimiter.charCodeAt(0);
    for (const byte of [this.#delimiter, LF, CR]) this.#special[byte] = 1;
  }

  get line(): number {
    return this.#line;
  }

  /** How many fields the last row had. */
  get fields(): number {
    return this.#lastFields;
  }

  /** How many fields the row under way has so far. */
  get openFields(): number {
    return this.#fields;
  }

  scan(block: Buffer, from: number, maxRows: number): Scan {
    const special = this.#special;
    const delimiter = this.#delimiter;
    const length = block.length;
    let at = from;
    let rowStart = from;
    let rows = 0;
    // Private fields cost this loop half its speed.
    let state = this.#state;
    let fields = this.#fields;
    while (at < length) {
      if (state === BETWEEN) {
        if (rows === maxRows) break;
        const next = skipLineEnd(block, at);
        if (next > at) {
          this.#state = state;
          return { end: at, next: this.#skipBlankLines(block, next), rows };
        }
        this.#rowLine = this.#line;
        this.#rowBytes = 0;
        rowStart = at;
        fields = 1;
        state = START;
      }
      if (state === START) {
        if (block[at] === QUOTE) {
          state = QUOTED;
          this.#quoteLine = this.#line;
          at++;
        } else state = PLAIN;
      }
      if (state === QUOTED) {
        at = this.#readQuoted(block, at);
        if (at === length) break;
        state = CLOSED;
        at++;
        if (at === length) break;
      }
      if (state === CLOSED) {
        if (block[at] === QUOTE) {
          state = QUOTED;
          at++;
          continue;
        }
        state = PLAIN;
      }
      while (at < length && special[block[at] ?? 0] === 0) at++;
      if (at === length) break;
      if (block[at] === delimiter) {
        fields++;
        state = START;
        at++;
      } else {
        at = skipLineEnd(block, at);
        this.#line++;
        this.#closeRow(fields);
        state = BETWEEN;
        rows++;
      }
    }
    this.#state = state;
    this.#fields = fields;
    if (state !== BETWEEN) this.#keepOpen(at - rowStart);
    return { end: at, next: at, rows };
  }

  end(): number {
    if (this.#state === QUOTED)
      throw malformed(this.#options.name, this.#quoteLine, "opens a quote that is never closed");
    if (this.#state === BETWEEN) return 0;
    this.#closeRow(this.#fields);
    this.#state = BETWEEN;
    return 1;
  }

  /** Reads on to the closing quote, or to the block's end. */
  #readQuoted(block: Buffer, from: number): number {
    const length = block.length;
    let at = from;
    for (; at < length && block[at] !== QUOTE; at++) {
      if (block[at] === LF || (block[at] === CR && block[at + 1] !== LF)) this.#line++;
    }
    return at;
  }

  #skipBlankLines(block: Buffer, from: number): number {
    this.#line++;
    let at = from;
    for (let next = skipLineEnd(block, at); next > at; next = skipLineEnd(block, at)) {
      at = next;
      this.#line++;
    }
    return at;
  }

  #closeRow(fields: number): void {
    const { name, strict } = this.#options;
    this.#lastFields = fields;
    if (this.#expected === 0) this.#expected = fields;
    else if (strict && fields !== this.#expected)
      throw malformed(name, this.#rowLine, `has ${count(fields)} where the header has ${this.#expected}`);
  }

  #keepOpen(bytes: number): void {
    const { name } = this.#options;
    this.#rowBytes += bytes;
    if (this.#rowBytes <= MAX_ROW_BYTES) return;
    if (this.#state === QUOTED)
      throw malformed(name, this.#quoteLine, "opens a quote that is not closed within 16 MiB");
    throw malformed(name, this.#rowLine, "begins a row of more than 16 MiB");
  }
}

/** Where the line after `at` begins, if a line ends there; otherwise `at`. */
function skipLineEnd(block: Buffer, at: number): number {
  if (block[at] === LF) return at + 1;
  if (block[at] !== CR) return at;
  return block[at + 1] === LF ? at + 2 : at + 1;
}

function count(fields: number): string {
  return fields === 1 ? "1 field" : `${fields} fields`;
}
