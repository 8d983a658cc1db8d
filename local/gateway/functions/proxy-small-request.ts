import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connection, Connections, Listener } from "./connections.ts";
import { endToEnd, forwardedHeaders } from "./end-to-end.ts";
import type { Exchange, ProxyOutcome } from "./proxy-request.ts";
import { type Progress, ReplyReader } from "./reply-reader.ts";

const MAX_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);
/** Methods that have no body unless a header says so. */
const BODILESS = new Set(["GET", "HEAD", "DELETE", "OPTIONS"]);

export interface SmallRequest {
  request: IncomingMessage;
  response: ServerResponse;
  /** Path and query that the receiver sees. */
  path: string;
  port: number;
  connections: Connections;
}

/** Whether a request's body is known to be small before any of it is read. */
export function isSmall({ method = "GET", headers }: IncomingMessage): boolean {
  if (headers["transfer-encoding"] !== undefined) return false;
  const length = headers["content-length"];
  return length === undefined ? BODILESS.has(method) : Number(length) <= MAX_BYTES;
}

/**
 * Passes a small request on to a loopback port in one write, and its answer back: in one write when it came whole,
 * else as it comes. Node's own client would take most of the processor time that a call costs.
 */
export function proxySmallRequest(call: SmallRequest): Exchange {
  const passing = new Passing(call);
  return { outcome: passing.outcome, abort: () => passing.abort() };
}

class Passing implements Listener {
  readonly outcome: Promise<ProxyOutcome>;
  readonly #call: SmallRequest;
  readonly #reply: ReplyReader;
  #connection: Connection | undefined;
  #resolve: (outcome: ProxyOutcome) => void = () => undefined;
  #isOver = false;

  constructor(call: SmallRequest) {
    const { request, response } = call;
    this.#call = call;
    this.#reply = new ReplyReader(request.method ?? "GET");
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    response.once("close", () => {
      if (response.writableFinished) return;
      this.#resolve("abandoned");
      this.abort();
    });
    readWhole(request, (body) => this.#send(body));
  }

  abort(): void {
    this.#isOver = true;
    this.#connection?.socket.destroy();
  }

  take(piece: Buffer): void {
    if (this.#isOver) return;
    const { response } = this.#call;
    const progress = this.#read(piece);
    if (progress === undefined) return;
    const { head, body, ended } = progress;
    const whole = ended ? joined(body) : undefined;
    if (head !== undefined) {
      const headers = endToEnd(head.rawHeaders);
      const hasLength = has(headers, "content-length");
      if (whole !== undefined && whole.length > 0 && !hasLength) headers.push("content-length", String(whole.length));
      response.writeHead(head.status, head.statusMessage, headers);
      // Without a length the body may be slow to come (server-sent events): its head must not wait for it.
      if (whole === undefined && !hasLength) response.flushHeaders();
      this.#resolve("answered");
    }
    if (whole === undefined) this.#pass(body);
    else this.#finish(whole, head !== undefined);
  }

  #finish(whole: Buffer, withHead: boolean): void {
    const { response } = this.#call;
    this.#release();
    // As text a body leaves in one piece with its head.
    if (withHead && whole.length <= MAX_BYTES) response.end(whole.toString("latin1"), "latin1");
    else response.end(whole);
  }

  closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { response } = this.#call;
    if (this.#reply.endsByClose) response.end();
    else if (response.headersSent) response.destroy();
    this.#resolve("broken");
  }

  #send(body: Buffer): void {
    if (this.#isOver) return;
    const { request, path, port, connections } = this.#call;
    this.#connection = connections.lend(port, this);
    this.#connection.socket.write(toMessage(request, path, body));
  }

  #read(piece: Buffer): Progress | undefined {
    try {
      return this.#reply.read(piece);
    } catch {
      this.#connection?.socket.destroy();
      return undefined;
    }
  }

  /** Sends on what has come, no faster than the client reads it. */
  #pass(body: Buffer[]): void {
    const { response } = this.#call;
    const socket = this.#connection?.socket;
    const isTaken = body.map((piece) => response.write(piece)).every(Boolean);
    if (isTaken || socket === undefined || response.destroyed) return;
    socket.pause();
    response.once("drain", () => socket.resume());
  }

  /** From here on the connection may be another call's: whatever becomes of this one must not end it. */
  #release(): void {
    const connection = this.#connection;
    this.#isOver = true;
    this.#connection = undefined;
    if (connection === undefined) return;
    if (this.#reply.isReusable) this.#call.connections.giveBack(connection);
    else connection.socket.destroy();
  }
}

function readWhole(request: IncomingMessage, then: (body: Buffer) => void): void {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.once("end", () => then(joined(pieces)));
}

function joined(pieces: Buffer[]): Buffer {
  const [only = NOTHING, ...others] = pieces;
  return others.length === 0 ? only : Buffer.concat(pieces);
}

function has(headers: string[], wanted: string): boolean {
  return headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === wanted);
}

function toMessage(request: IncomingMessage, path: string, body: Buffer): Buffer {
  const headers = forwardedHeaders(request);
  let head = `${request.method} ${path} HTTP/1.1\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  head += "\r\n";
  const message = Buffer.allocUnsafe(head.length + body.length);
  message.write(head, "latin1");
  body.copy(message, head.length);
  return message;
}
