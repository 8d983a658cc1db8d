import { randomBytes } from "node:crypto";
import type { StoredResult } from "./result-writer.ts";
import type { Session } from "./sessions.ts";
import { cancelled, type SnowflakeError } from "./snowflake-error.ts";

const KEPT = 2000;
const INTERRUPT_MS = 20;

/** A query as Snowflake remembers it: running, then with its result or its error. */
export class Query {
  readonly id: string;
  readonly session: Session;
  readonly sql: string;
  readonly started: number;
  readonly tag: string;
  ended: number | undefined;
  status: "RUNNING" | "SUCCESS" | "FAILED_WITH_ERROR" | "ABORTED" = "RUNNING";
  statementType = 0x1000;
  result: StoredResult | undefined;
  error: SnowflakeError | undefined;
  bytesScanned = 0;
  /** Of several statements in one request. */
  children: Query[] = [];
  /** The moment of its change, if it made one. */
  moment: number | undefined;
  done: Promise<void> = Promise.resolve();
  #interrupt: (() => void) | undefined;
  #cancellation: SnowflakeError | undefined;

  constructor(id: string, session: Session, sql: string, started: number) {
    this.id = id;
    this.session = session;
    this.sql = sql;
    this.started = started;
    this.tag = session.parameters.text("QUERY_TAG");
  }

  /** Why it was broken off, if it was. */
  get cancellation(): SnowflakeError | undefined {
    return this.#cancellation;
  }

  /** Ends it if it still runs. */
  cancel(why = cancelled()): void {
    if (this.status !== "RUNNING") return;
    this.#cancellation ??= why;
    for (const child of this.children) child.cancel(why);
    // An interruption that comes between two statements of DuckDB's would be lost.
    this.#interrupt?.();
    const again = setInterval(() => this.#interrupt?.(), INTERRUPT_MS);
    void this.done.finally(() => clearInterval(again));
  }

  /** Says how to break off what runs now; throws if that was asked for before. */
  interruptible(interrupt: () => void): void {
    this.throwIfCancelled();
    this.#interrupt = interrupt;
  }

  throwIfCancelled(): void {
    if (this.#cancellation !== undefined) throw this.#cancellation;
  }

  /** There is nothing to break off any more. */
  settle(): void {
    this.#interrupt = undefined;
  }

  succeed(result: StoredResult, statementType: number, now: number): void {
    this.result = result;
    this.statementType = statementType;
    this.status = "SUCCESS";
    this.ended = now;
  }

  fail(error: SnowflakeError, now: number): void {
    this.error = error;
    this.status = this.#cancellation !== undefined ? "ABORTED" : "FAILED_WITH_ERROR";
    this.ended = now;
  }
}

/** The queries of late, by their ids and by the ids of the requests that brought them. */
export class Queries {
  readonly #byId = new Map<string, Query>();
  readonly #byRequest = new Map<string, Query>();
  readonly #forget: (query: Query) => void;

  /** Of a query that is no longer remembered, `forget` is told. */
  constructor(forget: (query: Query) => void) {
    this.#forget = forget;
  }

  /** Registers a query; its id is in the form that the driver demands of ids. */
  add(session: Session, sql: string, requestId: string | undefined, now: number): Query {
    const hex = `01${randomBytes(15).toString("hex")}`;
    const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    const query = new Query(id, session, sql, now);
    this.#byId.set(id, query);
    if (requestId !== undefined && requestId !== "") this.#byRequest.set(requestId, query);
    session.history.push(id);
    for (const [oldId, old] of this.#byId) {
      if (this.#byId.size <= KEPT || old.status === "RUNNING") break;
      this.#byId.delete(oldId);
      this.#forget(old);
    }
    for (const oldRequest of this.#byRequest.keys()) {
      if (this.#byRequest.size <= KEPT) break;
      this.#byRequest.delete(oldRequest);
    }
    return query;
  }

  get(id: string): Query | undefined {
    return this.#byId.get(id);
  }

  byRequest(requestId: string): Query | undefined {
    return this.#byRequest.get(requestId);
  }

  all(): Query[] {
    return [...this.#byId.values()];
  }

  running(): Query[] {
    return this.all().filter(({ status }) => status === "RUNNING");
  }
}
