import { type ChildOptions, QueryChild } from "./child-process.ts";

export interface ChildPoolOptions extends ChildOptions {
  /** How many children wait for a query. */
  size: number;
  /**
   * How many are being started at a time for queries that wait; each takes a processor for a tenth of a second. Those
   * that are to wait for queries are started one by one, beside the queries that run.
   */
  startsAtOnce: number;
  log: (line: string) => void;
}

/** A short query is over by then, and has had the processors to itself. */
const REFILL_MS = 50;

/** Children that wait for a query, so that a query waits for none. */
export class ChildPool {
  readonly #options: ChildPoolOptions;
  readonly #ready: QueryChild[] = [];
  readonly #waiting: ((child: Promise<QueryChild>) => void)[] = [];
  readonly #starts = new Set<Promise<void>>();
  readonly #ends = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: ChildPoolOptions) {
    this.#options = options;
    this.#fill();
  }

  /** A child for one query; whoever takes it gives it to `end`. */
  take(): Promise<QueryChild> {
    const child = this.#takeReady();
    if (child !== undefined) {
      setTimeout(() => this.#fill(), REFILL_MS).unref();
      return Promise.resolve(child);
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#fill();
    });
  }

  /** Ends a child, for whose end nobody needs to wait but `close`. */
  end(child: QueryChild): void {
    const end = child
      .kill()
      .catch((error) => this.#options.log(`a child's folder cannot be removed: ${error}`))
      .finally(() => this.#ends.delete(end));
    this.#ends.add(end);
  }

  /** Ends all children that nobody took; resolves when nothing of any child is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#starts);
    for (const child of this.#ready.splice(0)) this.end(child);
    await Promise.all(this.#ends);
  }

  #takeReady(): QueryChild | undefined {
    for (let child = this.#ready.shift(); child !== undefined; child = this.#ready.shift())
      if (child.isAlive) return child;
    return undefined;
  }

  #fill(): void {
    const { size, startsAtOnce } = this.#options;
    const most = () => Math.min(startsAtOnce, Math.max(1, this.#waiting.length));
    const missing = () => this.#waiting.length + size - this.#ready.length - this.#starts.size;
    while (!this.#isClosed && this.#starts.size < most() && missing() > 0) {
      const start = this.#start().then((hasStarted) => {
        this.#starts.delete(start);
        // What cannot be started now is not tried over and over for nobody.
        if (hasStarted || this.#waiting.length > 0) this.#fill();
      });
      this.#starts.add(start);
    }
  }

  /** Whether a child has started; whoever waits for one is given it, or the reason why there is none. */
  async #start(): Promise<boolean> {
    const started = QueryChild.spawn(this.#options);
    const failure = await started.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const taker = this.#waiting.shift();
    if (taker !== undefined) taker(started);
    else if (failure === undefined) this.#ready.push(await started);
    else this.#options.log(`a child cannot be started: ${failure.error}`);
    return failure === undefined;
  }
}
