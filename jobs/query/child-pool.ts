import { type ChildOptions, QueryChild } from "./child-process.ts";

/** Snapshots as queries read them: by what they are known, and where they lie. */
export interface HeldTables {
  keys: string[];
  files: string[];
  bytes: number;
}

export interface ChildPoolOptions extends ChildOptions {
  /** How many children wait for a query. */
  size: number;
  /** How many of them hold the tables that were read last; of fewer than `MAX_HELD_BYTES`. */
  holders: number;
  /**
   * How many are being started at a time for queries that wait; each takes a processor for a tenth of a second. Those
   * that are to wait for queries are started one by one, and while half of them are there only when no query runs.
   */
  startsAtOnce: number;
  log: (line: string) => void;
}

/** More than that is not worth reading for somebody who may not come. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** After a query's process is over: its result is stored and told by then, and has had the processors to itself. */
const QUIET_MS = 50;

/** Children that wait for a query, so that a query waits for none. */
export class ChildPool {
  readonly #options: ChildPoolOptions;
  readonly #ready: QueryChild[] = [];
  /** What children hold, or are about to: none of them is for a query that may not see all of that. */
  readonly #held = new Map<QueryChild, HeldTables>();
  readonly #busy = new Set<QueryChild>();
  readonly #waiting: ((child: Promise<QueryChild>) => void)[] = [];
  readonly #starts = new Set<Promise<void>>();
  readonly #ends = new Set<Promise<void>>();
  #next: HeldTables | undefined;
  #preparing: Promise<void> | undefined;
  #quietAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ChildPoolOptions) {
    this.#options = options;
    this.#tend();
  }

  /** A child for one query, which holds nothing but what is named here, if anything; whoever takes it gives it to `end`. */
  take(granted: ReadonlySet<string>): Promise<QueryChild> {
    const child = this.#takeReady(granted);
    if (child === undefined) {
      const given = new Promise<QueryChild>((resolve) => this.#waiting.push(resolve));
      this.#tend();
      return given;
    }
    this.#busy.add(child);
    this.#tend();
    return Promise.resolve(child);
  }

  /** Ends a child, for whose end nobody needs to wait but `close`. */
  end(child: QueryChild): void {
    if (this.#busy.delete(child)) this.#quietAt = performance.now() + QUIET_MS;
    this.#held.delete(child);
    const end = child
      .kill()
      .catch((error) => this.#options.log(`a child's folder cannot be removed: ${error}`))
      .finally(() => this.#ends.delete(end));
    this.#ends.add(end);
    this.#tend();
  }

  /** How many children wait that hold tables. */
  get holding(): number {
    return this.#ready.filter((child) => this.#held.has(child)).length;
  }

  /** Has some children hold these tables, which the next query is likely to read too. */
  anticipate(tables: HeldTables): void {
    if (tables.keys.length > 0 && tables.bytes <= MAX_HELD_BYTES) this.#next = tables;
  }

  /** Ends the children that hold a table. */
  forget(key: string): void {
    if (this.#next?.keys.includes(key)) this.#next = undefined;
    for (const [child, { keys }] of [...this.#held])
      if (keys.includes(key) && !this.#busy.has(child)) this.#discard(child);
  }

  /** Ends all children that nobody took; resolves when nothing of any child is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#starts, this.#preparing]);
    for (const child of this.#ready.splice(0)) this.end(child);
    await Promise.all(this.#ends);
  }

  #takeReady(granted: ReadonlySet<string>): QueryChild | undefined {
    const alive = this.#ready.filter(({ isAlive }) => isAlive);
    for (const one of this.#ready) if (!one.isAlive) this.#held.delete(one);
    const child =
      alive.find((one) => this.#held.get(one)?.keys.every((key) => granted.has(key))) ??
      alive.find((one) => !this.#held.has(one));
    this.#ready.splice(0, this.#ready.length, ...alive.filter((one) => one !== child));
    return child;
  }

  /** Starts and prepares what is wanted now, or has itself called when it is time. */
  #tend(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const { size, startsAtOnce } = this.#options;
    while (this.#starts.size < Math.min(startsAtOnce, this.#waiting.length)) this.#start();
    if (this.#starts.size > 0 || this.#preparing !== undefined) return;
    if (this.#ready.length < size / 2) {
      this.#start();
      return;
    }
    const holder = this.#nextHolder();
    // When the last query ends it is time to look again.
    if (this.#busy.size > 0 || (holder === undefined && this.#ready.length >= size)) return;
    const inMs = this.#quietAt - performance.now();
    if (inMs > 0) this.#timer = setTimeout(() => this.#tend(), inMs).unref();
    else if (holder === undefined || this.#next === undefined) this.#start();
    else this.#prepare(holder, this.#next);
  }

  #start(): void {
    const start = this.#startOne().then((hasStarted) => {
      this.#starts.delete(start);
      // What cannot be started now is not tried over and over for nobody.
      if (hasStarted || this.#waiting.length > 0) this.#tend();
    });
    this.#starts.add(start);
  }

  /** Whether a child has started; whoever waits for one is given it, or the reason why there is none. */
  async #startOne(): Promise<boolean> {
    const started = QueryChild.spawn(this.#options);
    const child = await started.catch((error: unknown) => {
      if (this.#waiting.length === 0) this.#options.log(`a child cannot be started: ${error}`);
    });
    const taker = this.#waiting.shift();
    if (taker !== undefined) {
      if (child !== undefined) this.#busy.add(child);
      taker(started);
    } else if (child !== undefined) this.#ready.push(child);
    return child !== undefined;
  }

  /**
   * The child that is to hold what was read last, unless one does and there are no more to be. The last child is none:
   * a query that reads other tables may come.
   */
  #nextHolder(): QueryChild | undefined {
    const isHeld = this.#ready.some((child) => this.#held.has(child) && isSame(this.#held.get(child), this.#next));
    const isEnough = isHeld && this.holding >= this.#options.holders;
    if (this.#next === undefined || isEnough || this.#ready.length === 1) return undefined;
    return this.#ready.find((child) => !this.#held.has(child));
  }

  /** Has a child hold tables; one that holds others makes room for it. */
  #prepare(child: QueryChild, tables: HeldTables): void {
    const holders = this.#ready.filter((one) => this.#held.has(one));
    const [other] = holders.filter((one) => !isSame(this.#held.get(one), tables));
    if (other !== undefined && holders.length >= this.#options.holders) this.#discard(other);
    this.#held.set(child, tables);
    this.#withdraw(child);
    this.#preparing = child
      .hold(tables.files)
      .then(
        () => {
          // It may have had to let go of them meanwhile.
          if (this.#held.has(child)) this.#ready.push(child);
        },
        (error: unknown) => {
          if (this.#held.has(child)) this.#options.log(`a child cannot hold tables: ${error}`);
          if (isSame(this.#next, tables)) this.#next = undefined;
          this.end(child);
        },
      )
      .finally(() => {
        this.#preparing = undefined;
        this.#tend();
      });
  }

  #discard(child: QueryChild): void {
    this.#withdraw(child);
    this.end(child);
  }

  #withdraw(child: QueryChild): void {
    const index = this.#ready.indexOf(child);
    if (index >= 0) this.#ready.splice(index, 1);
  }
}

function isSame(one: HeldTables | undefined, other: HeldTables | undefined): boolean {
  return one?.keys.join("\n") === other?.keys.join("\n");
}
