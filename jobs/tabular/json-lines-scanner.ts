import { LF, malformed, type RowScanner, type Scan } from "./row-scanner.ts";

export interface JsonLinesOptions {
  /** For messages. */
  name: string;
  /** Refuses lines that hold no JSON. */
  strict: boolean;
}

/** Finds rows in text of a JSON value per line; lines of white space are no rows. */
export class JsonLinesScanner implements RowScanner {
  readonly #options: JsonLinesOptions;
  #line = 1;
  #rest = 0;

  constructor(options: JsonLinesOptions) {
    this.#options = options;
  }

  get line(): number {
    return this.#line;
  }

  scan(block: Buffer, from: number, maxRows: number): Scan {
    let at = from;
    let rows = 0;
    while (at < block.length && rows < maxRows) {
      const newline = block.indexOf(LF, at);
      const stop = newline === -1 ? block.length : newline;
      const next = newline === -1 ? stop : stop + 1;
      if (isBlank(block, at, stop)) {
        if (newline !== -1) this.#line++;
        return { end: at, next, rows };
      }
      if (this.#options.strict) this.#requireJson(block.toString("utf8", at, stop));
      at = next;
      // A block without a newline at its end is the last one.
      if (newline === -1) this.#rest = 1;
      else {
        this.#line++;
        rows++;
      }
    }
    return { end: at, next: at, rows };
  }

  end(): number {
    return this.#rest;
  }

  #requireJson(text: string): void {
    try {
      JSON.parse(text);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw malformed(this.#options.name, this.#line, `is no JSON (${why.replaceAll(/[\r\n]/g, " ").slice(0, 120)})`);
    }
  }
}

function isBlank(block: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = block[at] ?? 0;
    if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) return false;
  }
  return true;
}
