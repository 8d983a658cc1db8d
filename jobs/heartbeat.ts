import { setTimeout as sleep } from "node:timers/promises";

/** What a report carries: where the work is, and figures for whoever watches. */
export interface Snapshot {
  phase: string;
  progress: Record<string, number | string | boolean | null>;
}

export interface HeartbeatOptions {
  /** Extends the run's lease; "stop" when the run is somebody else's by now. */
  report: (snapshot: Snapshot) => Promise<"continue" | "stop">;
  snapshot: () => Snapshot;
  leaseSeconds: number;
  /** The run is no longer ours: it was cancelled or given to another attempt, or the lease ran out unheard. */
  onLost: (reason: string) => void;
}

const INTERVAL_MS = 2000;

/** Reports at once and then every two seconds until stopped, so that a run that is alive looks alive. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #stopped = new AbortController();
  readonly #loop: Promise<void>;
  #heardAt = performance.now();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#loop = this.#beat();
  }

  /** Ends the reports after a last one, which leaves the final figures. */
  async finish(): Promise<void> {
    await this.stop();
    await this.#report();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #beat(): Promise<void> {
    const { signal } = this.#stopped;
    const pause = Math.min(INTERVAL_MS, (this.#options.leaseSeconds * 1000) / 3);
    while (!signal.aborted) {
      await this.#report();
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  async #report(): Promise<void> {
    const { report, snapshot, leaseSeconds, onLost } = this.#options;
    try {
      if ((await report(snapshot())) === "stop") onLost("the run was cancelled or given to another attempt");
      this.#heardAt = performance.now();
    } catch (error) {
      // One lost report is no reason to stop; a lease that ran out is: the sweep has given the run away by then.
      const silence = performance.now() - this.#heardAt;
      if (silence > leaseSeconds * 1000)
        onLost(`Postgres did not answer for ${Math.round(silence / 1000)} s: ${error}`);
    }
  }
}
