import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decodeRows, encodeMessage, readFrames } from "./frames.ts";
import { type Command, type Report, type RowBlock, report } from "./messages.ts";
import { QueryFailure } from "./query-failure.ts";

export interface ChildOptions {
  /** The child's bundle. */
  file: URL;
  /** Where each child gets an empty folder of its own. */
  scratchDir: string;
  /** What a query's data may take. */
  memoryMb: number;
  /** Of all its threads together, after which the system ends it. */
  cpuSeconds: number;
}

/** What Node, its threads' stacks and DuckDB without any data take of the limit. */
export const OVERHEAD_MB = 256;
const STDERR_CHARS = 4096;

/** No core dump, no file of any size, and then data and time as given; the rest is the program. */
const LIMITED =
  'ulimit -c 0 && ulimit -f 0 && ulimit -d "$1" && ulimit -S -t "$2" && ulimit -H -t "$3" && shift 3 && exec /usr/bin/env -i "$@"';
/** macOS has no limit for data that holds. */
const LIMITED_TIME =
  'ulimit -c 0 && ulimit -f 0 && ulimit -S -t "$2" && ulimit -H -t "$3" && shift 3 && exec /usr/bin/env -i "$@"';
/** The driver makes objects of what a query names, where `__proto__` is to be a name like others. */
const PLAIN_PROTO = "--disable-proto=delete";
/** Before the limit of time kills, it ends by a signal that tells what it was. */
const TELLING_SECONDS = 5;

const run = promisify(execFile);

/** A process that runs one query: it knows nothing of the runner's environment, and the system bounds what it takes. */
export class QueryChild {
  readonly #process: ChildProcess;
  readonly #pipe: Readable;
  readonly #reports: AsyncGenerator<Report | RowBlock>;
  readonly #exited: Promise<unknown>;
  readonly #closed: Promise<unknown>;
  #holds: readonly string[] = [];
  #stderr = "";

  private constructor(child: ChildProcess, dir: string, pipe: Readable) {
    this.#process = child;
    this.#pipe = pipe;
    this.#reports = this.#read();
    this.#exited = once(child, "exit").then(() => rm(dir, { recursive: true, force: true }));
    this.#closed = once(child, "close");
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_CHARS);
    });
    // What cannot be written to a child that died shows in what it no longer says.
    child.stdin?.on("error", () => undefined);
    pipe.on("error", () => undefined);
  }

  /** Resolves when the child is ready to be asked. */
  static async spawn({ file, scratchDir, memoryMb, cpuSeconds }: ChildOptions): Promise<QueryChild> {
    const dir = await mkdtemp(join(scratchDir, "query-"));
    const seconds = Math.ceil(cpuSeconds);
    const limits = [(memoryMb + OVERHEAD_MB) * 1024, seconds, seconds + TELLING_SECONDS].map(String);
    const script = process.platform === "linux" ? LIMITED : LIMITED_TIME;
    const program = [process.execPath, PLAIN_PROTO, fileURLToPath(file)];
    const child = spawn("/bin/sh", ["-c", script, "sh", ...limits, ...program], {
      cwd: dir,
      env: {},
      stdio: ["pipe", "ignore", "pipe", "pipe"],
    });
    const pipe = child.stdio[3];
    if (!(pipe instanceof Readable)) throw new Error("a child without a pipe");
    await once(child, "spawn");
    const one = new QueryChild(child, dir, pipe);
    try {
      await one.expect("ready");
      return one;
    } catch (error) {
      await one.kill();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Whether it can be asked yet. */
  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  ask(command: Command): void {
    this.#process.stdin?.write(encodeMessage(command));
  }

  /** Has it read files before it is asked for rows of them. */
  async hold(files: string[]): Promise<void> {
    this.#holds = files;
    this.ask({ ask: "hold", files });
    await this.expect("holds");
  }

  /** The files that it was asked to hold. */
  get holds(): readonly string[] {
    return this.#holds;
  }

  /** Lowers what its data may take, where the system can do that to a process that runs. */
  async tighten(memoryMb: number): Promise<void> {
    if (process.platform !== "linux") return;
    const bytes = (memoryMb + OVERHEAD_MB) * 1024 * 1024;
    // Without that tool the limit that it was born with holds.
    await run("prlimit", [`--pid=${this.pid}`, `--data=${bytes}:${bytes}`]).catch(() => undefined);
  }

  /** The next report, which is to be this one. */
  async expect<T extends Report["tell"]>(tell: T): Promise<Extract<Report, { tell: T }>> {
    const next = await this.next();
    if (!isReport(next, tell)) throw new Error(`The child tells ${next.tell} where ${tell} is due`);
    return next;
  }

  /** What it tells next; a `QueryFailure` if that is one, or if the query was more than the process could bear. */
  async next(): Promise<Report | RowBlock> {
    const { done, value } = await this.#reports.next();
    if (done === true) throw await this.#explainEnd();
    if (value.tell === "failure") throw new QueryFailure(value.code, value.message);
    return value;
  }

  /** Ends it at once; resolves when nothing of it is left. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    // What it told and nobody has read would keep the pipe open.
    this.#pipe.destroy();
    await this.#exited;
  }

  async *#read(): AsyncGenerator<Report | RowBlock> {
    for await (const { kind, payload } of readFrames(this.#pipe)) {
      if (kind === "rows") yield { tell: "rows", ...decodeRows(payload) };
      else yield report.parse(JSON.parse(payload.toString()));
    }
  }

  async #explainEnd(): Promise<Error> {
    await this.#closed;
    const { exitCode, signalCode } = this.#process;
    if (signalCode === "SIGXCPU")
      return new QueryFailure("query_timeout", "The query took more of the processor than it may.");
    // The runner's own kills have reasons of their own; what else kills is the system, which is short of memory.
    if (signalCode === "SIGKILL")
      return new QueryFailure(
        "query_memory",
        "The system ended the query, most likely for the memory that it took. Read less at once.",
      );
    if (/bad_alloc|out of memory|allocation failed|cannot allocate/i.test(this.#stderr))
      return new QueryFailure("query_memory", "The query needs more memory than it may have. Read less at once.");
    if (signalCode !== null)
      return new QueryFailure("sql_error", `The query made the engine crash (${signalCode}). Write it more simply.`, {
        cause: this.#stderr,
      });
    return new Error(`The child ended with ${exitCode}: ${this.#stderr}`);
  }
}

function isReport<T extends Report["tell"]>(one: Report | RowBlock, tell: T): one is Extract<Report, { tell: T }> {
  return one.tell === tell;
}
