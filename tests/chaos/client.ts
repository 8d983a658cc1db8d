import { Agent, request } from "node:http";

export interface Reply {
  status: number;
  body: unknown;
  sentAt: number;
  receivedAt: number;
}

export interface Call {
  path: string;
  method?: "GET" | "POST" | "PUT";
  /** JSON, unless it is bytes with their own content type. */
  body?: unknown;
  token?: string | undefined;
  /** What the caller's clock says, where it is not right. */
  clockSkewMs?: number;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Told of every reply that crossed the wire, also of those that the caller never gets to see. */
  witness?: (reply: Reply) => void;
}

/** How a reply fares: seen, dropped once it is here, or the connection cut while the server is at it. */
export type Fate = "seen" | "dropped" | "cut";

const LIMIT_MS = 15_000;
const CUT_AFTER_MS = 25;

/** Speaks HTTP with a server that may be gone; undefined stands for whatever leaves a caller without a reply. */
export class Client {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 512 });
  readonly #fate: () => Fate;
  lost = 0;

  constructor(url: string, fate: () => Fate) {
    this.#url = url;
    this.#fate = fate;
  }

  async call(call: Call): Promise<Reply | undefined> {
    const fate = this.#fate();
    const reply = await this.#send(call, fate === "cut").catch(() => undefined);
    if (reply !== undefined) call.witness?.(reply);
    if (reply !== undefined && fate === "seen" && call.signal?.aborted !== true) return reply;
    this.lost++;
    return undefined;
  }

  close(): void {
    this.#agent.destroy();
  }

  #send({ path, method = "POST", body, token, clockSkewMs = 0, headers, signal }: Call, cut: boolean): Promise<Reply> {
    const payload = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const sentAt = Date.now();
    return new Promise((resolve, reject) => {
      const outgoing = request(/^https?:/.test(path) ? path : `${this.#url}${path}`, {
        method,
        agent: this.#agent,
        timeout: LIMIT_MS,
        ...(signal === undefined ? {} : { signal }),
        headers: {
          date: new Date(sentAt + clockSkewMs).toUTCString(),
          ...(payload === undefined ? {} : { "content-type": "application/json", "content-length": payload.length }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
      });
      outgoing.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            body: parse(Buffer.concat(chunks).toString()),
            sentAt,
            receivedAt: Date.now(),
          }),
        );
      });
      outgoing.on("error", reject);
      outgoing.on("timeout", () => outgoing.destroy(new Error("no reply in time")));
      outgoing.end(payload, () => {
        if (cut) setTimeout(() => outgoing.destroy(new Error("cut")), CUT_AFTER_MS);
      });
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
