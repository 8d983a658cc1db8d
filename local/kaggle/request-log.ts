import type { IncomingMessage, ServerResponse } from "node:http";
import type { Operation } from "./faults.ts";

/** What a test may want to know of a request that came in. */
export interface SeenRequest {
  method: string;
  path: string;
  operation: Operation | undefined;
  ref: string | undefined;
  range: string | undefined;
  /** `Basic`, `Bearer` or undefined; never the credentials. */
  authorization: string | undefined;
  userAgent: string | undefined;
  /** Undefined until the reply's head is sent. */
  status: number | undefined;
}

const KEPT = 2000;

/** The newest requests, oldest first. */
export class RequestLog {
  readonly #seen: SeenRequest[] = [];

  add(req: IncomingMessage, res: ServerResponse, url: URL): SeenRequest {
    const seen: SeenRequest = {
      method: req.method ?? "",
      path: url.pathname,
      operation: undefined,
      ref: undefined,
      range: req.headers.range,
      authorization: req.headers.authorization?.split(" ")[0],
      userAgent: req.headers["user-agent"],
      status: undefined,
    };
    this.#seen.push(seen);
    if (this.#seen.length > KEPT) this.#seen.shift();
    res.once("close", () => {
      if (res.headersSent) seen.status = res.statusCode;
    });
    return seen;
  }

  list(): SeenRequest[] {
    return this.#seen.map((seen) => ({ ...seen }));
  }

  clear(): void {
    this.#seen.length = 0;
  }
}
