import { closeSync, fdatasync, openSync, writeSync } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";
import { promisify } from "node:util";
import { type Change, change } from "./records.ts";

const sync = promisify(fdatasync);
const NEWLINE = 10;

/**
 * An append-only file of changes, one JSON line each. A line is written in one go before anyone sees its effect; a
 * crash can only leave a torn last line, which never took effect and is dropped on the next start.
 */
export class Journal {
  readonly #fd: number;
  #syncing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Reads the changes in a journal file; none when there is no file. */
  static async read(path: string): Promise<Change[]> {
    const text = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return Buffer.alloc(0);
      throw error;
    });
    const whole = text.subarray(0, text.lastIndexOf(NEWLINE) + 1).toString("utf8");
    const lines = whole.split("\n").filter((line) => line !== "");
    return lines.map((line) => change.parse(JSON.parse(line)));
  }

  /** Replaces a journal file by one that holds these changes, and opens it for more. */
  static async create(path: string, changes: Change[]): Promise<Journal> {
    const fresh = await open(`${path}.new`, "w");
    await fresh.writeFile(changes.map(toLine).join(""));
    await fresh.sync();
    await fresh.close();
    await rename(`${path}.new`, path);
    return new Journal(openSync(path, "a"));
  }

  /** Appends a change; once this returns, a crash of the process cannot undo it. */
  append(entry: Change): void {
    const line = Buffer.from(toLine(entry));
    for (let written = 0; written < line.length; ) written += writeSync(this.#fd, line, written);
  }

  /** Resolves once all that was appended so far survives a power cut; callers at the same time share one sync. */
  flush(): Promise<void> {
    if (this.#syncing === undefined) {
      this.#syncing = sync(this.#fd).finally(() => {
        this.#syncing = undefined;
      });
      return this.#syncing;
    }
    this.#next ??= this.#syncing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.flush();
      });
    return this.#next;
  }

  /** Closes the file; what was appended is on disk. */
  async close(): Promise<void> {
    await this.flush();
    closeSync(this.#fd);
  }
}

function toLine(entry: Change): string {
  return `${JSON.stringify(entry)}\n`;
}
