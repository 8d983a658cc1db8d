import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("serve-until-killed.ts", import.meta.url));

/** A server in a process of its own, so that it can be killed and its memory measured. */
export class ServerProcess {
  readonly url: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(url: string, child: ChildProcessByStdio<Writable, Readable, null>, lines: AsyncIterator<string>) {
    this.url = url;
    this.#child = child;
    this.#lines = lines;
  }

  static async start(folder: string): Promise<ServerProcess> {
    const child = spawn(process.execPath, ["--import", "tsx", SCRIPT, folder], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return new ServerProcess(String((await lines.next()).value), child, lines);
  }

  /** The most that was resident so far. */
  async peakMebibytes(): Promise<number> {
    this.#child.stdin.write("?");
    return Number((await this.#lines.next()).value);
  }

  /** Resolves when the process is gone; it gets no chance to say goodbye. */
  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}
