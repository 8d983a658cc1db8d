import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { QuerySnapshot } from "../../shared/db/query-task.ts";
import { untilAborted } from "../until-aborted.ts";
import { ByteLedger } from "./byte-ledger.ts";

export interface PinnedSnapshots {
  /** The files, in the order of what was asked for; they stay until released. */
  files: string[];
  release: () => void;
}

export interface SnapshotCacheOptions {
  /** A folder for nothing else. */
  dir: string;
  maxBytes: number;
  /** Puts a snapshot's table.duckdb at the path. */
  download: (folder: string, path: string, signal: AbortSignal) => Promise<unknown>;
  /** Puts at a path what a grant leaves of a snapshot, whose file is at another. */
  derive: (from: string, to: string, snapshot: QuerySnapshot, signal: AbortSignal) => Promise<unknown>;
  /** Called when a file is about to be removed, for whoever has it open without having pinned it. */
  onRemove: (key: string) => void;
}

interface Wanted {
  key: string;
  bytes: number;
  make: (path: string, signal: AbortSignal) => Promise<unknown>;
}

/** What a snapshot, as a grant leaves it, is known by. */
export function snapshotKey({ folder, variant }: QuerySnapshot): string {
  return variant === null ? folder : `${folder}#${variant}`;
}

/** Snapshots on the local disk: each is fetched once, and those that nobody reads make room for others. */
export class SnapshotCache {
  readonly #options: SnapshotCacheOptions;
  readonly #ledger: ByteLedger;
  readonly #files = new Map<string, Promise<string>>();
  readonly #closed = new AbortController();
  #count = 0;

  constructor(options: SnapshotCacheOptions) {
    this.#options = options;
    this.#ledger = new ByteLedger(options.maxBytes, (key) => this.#remove(key));
  }

  /** Has all the files at once, so that no two queries wait for each other's. */
  async pin(snapshots: readonly QuerySnapshot[], signal: AbortSignal): Promise<PinnedSnapshots> {
    const wanted = snapshots.map((snapshot) => this.#wantedOf(snapshot));
    const all = new Map(wanted.flat().map((one) => [one.key, one]));
    const release = await this.#ledger.take([...all.values()], signal);
    try {
      const provided = Promise.all(wanted.map((chain) => this.#provideChain(chain, signal)));
      const files = await untilAborted(signal, provided);
      return { files, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.allSettled(this.#files.values());
    await rm(this.#options.dir, { recursive: true, force: true });
  }

  /** What has to be on disk: the snapshot, and after it what is made of it. */
  #wantedOf(snapshot: QuerySnapshot): Wanted[] {
    const { folder, sizeBytes, variant } = snapshot;
    const { download, derive } = this.#options;
    const base: Wanted = {
      key: folder,
      bytes: sizeBytes,
      make: (path, signal) => download(folder, path, signal),
    };
    if (variant === null) return [base];
    const derived: Wanted = {
      key: snapshotKey(snapshot),
      bytes: sizeBytes,
      make: async (path, signal) => derive(await this.#provide(base), path, snapshot, signal),
    };
    return [base, derived];
  }

  async #provideChain(chain: Wanted[], signal: AbortSignal): Promise<string> {
    let path = "";
    for (const wanted of chain) {
      signal.throwIfAborted();
      path = await this.#provide(wanted);
    }
    return path;
  }

  /** The file, which one of those that want it makes; whoever stops waiting does not stop it for the others. */
  #provide(wanted: Wanted): Promise<string> {
    const made = this.#files.get(wanted.key) ?? this.#make(wanted);
    this.#files.set(wanted.key, made);
    return made;
  }

  async #make({ key, make }: Wanted): Promise<string> {
    const path = this.#pathOf(key);
    try {
      await mkdir(this.#options.dir, { recursive: true });
      await make(path, this.#closed.signal);
      return path;
    } catch (error) {
      this.#files.delete(key);
      await rm(path, { force: true });
      throw error;
    }
  }

  async #remove(key: string): Promise<void> {
    const made = this.#files.get(key);
    this.#files.delete(key);
    this.#options.onRemove(key);
    await made?.then((path) => rm(path, { force: true })).catch(() => undefined);
  }

  /** Another one each time: the last file of that key may be about to be removed. */
  #pathOf(key: string): string {
    const name = createHash("sha256").update(key).digest("hex");
    return join(this.#options.dir, `${name}-${this.#count++}.duckdb`);
  }
}
