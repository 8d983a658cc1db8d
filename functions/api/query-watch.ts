import type { QueryRow, SubmittedQuery } from "../../shared/db/queries.ts";

/** A warm runner answers no sooner. */
const FIRST_MS = 20;
const SHORTEST_MS = 4;
const LONGEST_MS = 1000;
/** What ends while nothing else did is found late by such a share of that time. */
const LATENESS = 0.1;

export interface WaitOptions {
  seconds: number;
  /** Ends the wait too. */
  signal: AbortSignal;
}

/**
 * Waits for queries on behalf of many requests, which share each look: queries that run one after another are found soon
 * after they end, however long they waited, and looking costs the same for one as for all.
 */
export class QueryWatch {
  readonly #look: (queries: SubmittedQuery[]) => Promise<QueryRow[]>;
  readonly #waiting = new Map<string, Waiter>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #isLooking = false;
  /** When a query was last submitted, or found to be over. */
  #movedAt = 0;

  /** @param look tells which of the queries are over */
  constructor(look: (queries: SubmittedQuery[]) => Promise<QueryRow[]>) {
    this.#look = look;
  }

  /** Resolves to the query when it is over, or to undefined when the time is; rejects when nobody can look. */
  wait(query: SubmittedQuery, { seconds, signal }: WaitOptions): Promise<QueryRow | undefined> {
    if (seconds <= 0 || signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const giveUp = () => waiter.end(() => resolve(undefined));
      const patience = setTimeout(giveUp, seconds * 1000);
      const waiter: Waiter = {
        query,
        end: (tell) => {
          clearTimeout(patience);
          signal.removeEventListener("abort", giveUp);
          this.#waiting.delete(query.queryId);
          if (this.#waiting.size === 0) this.#stop();
          tell();
        },
        resolve,
        reject,
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.set(query.queryId, waiter);
      this.#movedAt = performance.now();
      this.#lookIn(FIRST_MS);
    });
  }

  /** Looks after so many milliseconds, unless it is to look sooner. */
  #lookIn(ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#isLooking || dueAt >= this.#dueAt) return;
    this.#stop();
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.#lookNow(), ms);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  async #lookNow(): Promise<void> {
    this.#stop();
    this.#isLooking = true;
    const waiters = [...this.#waiting.values()];
    try {
      for (const row of await this.#look(waiters.map(({ query }) => query))) {
        this.#movedAt = performance.now();
        const waiter = this.#waiting.get(row.query_id);
        waiter?.end(() => waiter.resolve(row));
      }
    } catch (error) {
      for (const waiter of waiters) waiter.end(() => waiter.reject(error));
    }
    this.#isLooking = false;
    const stillMs = performance.now() - this.#movedAt;
    if (this.#waiting.size > 0) this.#lookIn(Math.min(Math.max(stillMs * LATENESS, SHORTEST_MS), LONGEST_MS));
  }
}

interface Waiter {
  query: SubmittedQuery;
  /** Forgets it, and then tells. */
  end: (tell: () => void) => void;
  resolve: (row: QueryRow | undefined) => void;
  reject: (error: unknown) => void;
}
