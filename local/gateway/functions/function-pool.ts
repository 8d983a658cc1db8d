import type { Log } from "../../log.ts";
import type { FunctionConfig } from "./read-function-configs.ts";
import { type FunctionProcess, startFunction } from "./start-function.ts";

export interface FunctionPoolOptions {
  projectDir: string;
  env: Record<string, string>;
  log: (part: string) => Log;
}

/** Keeps one process per function: started by the first call, started anew by the first call after its end. */
export class FunctionPool {
  readonly #options: FunctionPoolOptions;
  readonly #serving = new Map<string, FunctionProcess>();
  readonly #alive = new Set<FunctionProcess>();

  constructor(options: FunctionPoolOptions) {
    this.#options = options;
  }

  /** The process that serves a function; calls that come while it starts get the same one. */
  get(config: FunctionConfig): FunctionProcess {
    const serving = this.#serving.get(config.name);
    if (serving !== undefined) return serving;
    const { projectDir, env, log } = this.#options;
    const started = startFunction(config, { projectDir, env, log: log(config.name) });
    this.#serving.set(config.name, started);
    this.#alive.add(started);
    started.exited.then(() => {
      this.#forget(started);
      this.#alive.delete(started);
    });
    return started;
  }

  /** Gives a process no more calls; what it is doing may take so many milliseconds longer. */
  retire(process: FunctionProcess, graceMs: number): void {
    this.#forget(process);
    void process.stop(graceMs);
  }

  /** The process ids of the functions that run now. */
  pids(): number[] {
    return [...this.#alive].flatMap(({ pid }) => pid ?? []);
  }

  async close(graceMs: number): Promise<void> {
    await Promise.all([...this.#alive].map((process) => process.stop(graceMs)));
  }

  #forget(process: FunctionProcess): void {
    if (this.#serving.get(process.name) === process) this.#serving.delete(process.name);
  }
}
