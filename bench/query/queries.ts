import { z } from "zod";

const reply = z.object({ status: z.string(), error: z.string().nullable(), row_count: z.number().nullable() });

/** Somebody who queries through the data API, and looks at the clock. */
export class Queries {
  readonly #url: string;
  readonly #token: string;

  constructor(functionsUrl: string, token: string) {
    this.#url = functionsUrl;
    this.#token = token;
  }

  /** Runs a query to its end; resolves to milliseconds. */
  async run(sql: string): Promise<number> {
    const startedAt = performance.now();
    const body = await this.#post("/api/v1/queries/execute", { query: sql }, { prefer: "wait=120" });
    const took = performance.now() - startedAt;
    const { status, error } = reply.parse(body);
    if (status !== "completed") throw new Error(`The query is ${status}: ${error}`);
    return took;
  }

  /** Runs a query so often, by so many callers at once; resolves to the milliseconds of all together. */
  async runMany(sql: string, times: number, callers: number): Promise<number> {
    const startedAt = performance.now();
    const turns = Array.from({ length: times }).values();
    const call = async () => {
      for (const _ of turns) await this.run(sql);
    };
    await Promise.all(Array.from({ length: callers }, call));
    return performance.now() - startedAt;
  }

  /** Makes one call, a POST where it has a body; resolves to milliseconds. */
  async time(path: string, body?: object): Promise<number> {
    const startedAt = performance.now();
    await this.#send(path, body);
    return performance.now() - startedAt;
  }

  async #post(path: string, body: object, headers: Record<string, string>): Promise<unknown> {
    return JSON.parse(await this.#send(path, body, headers));
  }

  async #send(path: string, body?: object, headers: Record<string, string> = {}): Promise<string> {
    const answer = await fetch(`${this.#url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
    return text;
  }
}
