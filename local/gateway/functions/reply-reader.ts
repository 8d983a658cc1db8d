export interface ReplyHead {
  status: number;
  statusMessage: string;
  /** Names and values in turn. */
  rawHeaders: string[];
}

/** What a piece of a reply brought: its head, parts of its body, its end. */
export interface Progress {
  head: ReplyHead | undefined;
  body: Buffer[];
  ended: boolean;
}

const HEAD_END = "\r\n\r\n";
const LINE_END = "\r\n";
const MAX_HEAD_BYTES = 64 * 1024;

type State = "head" | "length" | "chunk size" | "chunk" | "chunk end" | "trailer" | "until close" | "ended";

/** Reads one reply of HTTP/1.1 from the pieces that a connection brings it in (RFC 9112); throws when it is none. */
export class ReplyReader {
  readonly #bodiless: boolean;
  #state: State = "head";
  /** Bytes that the body, or the chunk at hand, still lacks. */
  #left = 0;
  /** The beginning of a head or of a line whose end has not come yet. */
  #kept: Buffer | undefined;
  #closes = false;

  constructor(method: string) {
    this.#bodiless = method === "HEAD";
  }

  /** Whether the connection may carry another reply after this one. */
  get isReusable(): boolean {
    return this.#state === "ended" && !this.#closes && this.#kept === undefined;
  }

  /** Whether the reply is whole when the connection ends here. */
  get endsByClose(): boolean {
    return this.#state === "until close";
  }

  read(piece: Buffer): Progress {
    const input = this.#kept === undefined ? piece : Buffer.concat([this.#kept, piece]);
    const progress: Progress = { head: undefined, body: [], ended: false };
    let at = 0;
    for (let next = this.#step(input, at, progress); next !== undefined; next = this.#step(input, at, progress))
      at = next;
    this.#kept = at < input.length ? input.subarray(at) : undefined;
    progress.ended = this.#state === "ended";
    return progress;
  }

  /** Takes the next element; answers where the one after it begins, or undefined when more has to come first. */
  #step(input: Buffer, at: number, progress: Progress): number | undefined {
    switch (this.#state) {
      case "ended":
        return undefined;
      case "head": {
        const end = input.indexOf(HEAD_END, at, "latin1");
        if (end < 0 && input.length - at > MAX_HEAD_BYTES) throw new Error("The head of a reply has no end");
        if (end < 0) return undefined;
        const head = parseHead(input.toString("latin1", at, end));
        if (head.status >= 200) {
          progress.head = head;
          this.#expectBody(head);
        }
        return end + HEAD_END.length;
      }
      case "length":
      case "chunk": {
        const end = Math.min(at + this.#left, input.length);
        if (end === at) return undefined;
        progress.body.push(input.subarray(at, end));
        this.#left -= end - at;
        if (this.#left === 0) this.#state = this.#state === "length" ? "ended" : "chunk end";
        return end;
      }
      case "until close":
        if (at === input.length) return undefined;
        progress.body.push(input.subarray(at));
        return input.length;
      case "chunk end":
        if (input.length - at < LINE_END.length) return undefined;
        this.#state = "chunk size";
        return at + LINE_END.length;
      case "chunk size":
      case "trailer": {
        const end = input.indexOf(LINE_END, at, "latin1");
        if (end < 0) return undefined;
        this.#takeLine(input.toString("latin1", at, end));
        return end + LINE_END.length;
      }
    }
  }

  #takeLine(line: string): void {
    if (this.#state === "trailer") {
      if (line === "") this.#state = "ended";
      return;
    }
    const size = /^[\da-f]+/i.exec(line)?.[0];
    if (size === undefined) throw new Error(`Not the size of a chunk: ${line}`);
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? "trailer" : "chunk";
  }

  #expectBody({ status, rawHeaders }: ReplyHead): void {
    let length: number | undefined;
    let chunked = false;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const value = rawHeaders[i + 1] ?? "";
      switch (rawHeaders[i]?.toLowerCase()) {
        case "content-length":
          length = Number(value);
          break;
        case "transfer-encoding":
          chunked = /chunked$/i.test(value);
          break;
        case "connection":
          this.#closes = /\bclose\b/i.test(value);
      }
    }
    if (this.#bodiless || status === 204 || status === 304 || (length === 0 && !chunked)) this.#state = "ended";
    else if (chunked) this.#state = "chunk size";
    else if (length !== undefined) [this.#state, this.#left] = ["length", length];
    else this.#state = "until close";
  }
}

function parseHead(text: string): ReplyHead {
  const [first = "", ...lines] = text.split(LINE_END);
  if (!first.startsWith("HTTP/1.")) throw new Error(`Not the head of a reply: ${first}`);
  const rawHeaders: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    rawHeaders.push(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(first.slice(9, 12)), statusMessage: first.slice(13), rawHeaders };
}
