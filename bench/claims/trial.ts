import { median, percentile } from "../statistics.ts";
import type { Callers, Contender, Sample } from "./contender.ts";

const WARM_UP_SECONDS = 1;
/** Below this share of its backlog a contender is filled again before it is measured. */
const REFILL_BELOW = 0.8;

/** Several trials may share a contender: whose backlog it holds now. */
const filledFor = new WeakMap<Contender, Trial>();

export interface Figures {
  perSecond: number;
  p50: number;
  p99: number;
}

/** A contender with a backlog of a given size, measured in turns with others. */
export class Trial {
  readonly contender: Contender;
  readonly backlog: number;
  #ready = 0;

  constructor(contender: Contender, backlog: number) {
    this.contender = contender;
    this.backlog = backlog;
  }

  /** One measurement with that many callers, whose connections have been at it for a while before the time counts. */
  async measure(callers: number, seconds: number): Promise<Sample> {
    if (filledFor.get(this.contender) !== this || this.#ready < this.backlog * REFILL_BELOW) await this.#fill();
    const opened = await this.contender.open(callers);
    try {
      await this.#run(opened, callers, Math.min(WARM_UP_SECONDS, seconds));
      return await this.#run(opened, callers, seconds);
    } finally {
      await opened.close();
    }
  }

  /** Fills up as often as the time asks for; what filling takes does not count. */
  async #run(opened: Callers, callers: number, seconds: number): Promise<Sample> {
    const total: Sample = { tasks: 0, taken: 0, seconds: 0, latencies: [] };
    // The last callers must not find nothing.
    const margin = callers * this.contender.batch;
    while (total.seconds < seconds) {
      if (this.#ready <= margin) await this.#fill();
      const sample = await opened.run({ seconds: seconds - total.seconds, tasks: this.#ready - margin });
      if (sample.tasks === 0) throw new Error(`${this.contender.title} found nothing to do`);
      this.#ready -= sample.taken;
      total.tasks += sample.tasks;
      total.taken += sample.taken;
      total.seconds += sample.seconds;
      for (const latency of sample.latencies) total.latencies.push(latency);
    }
    return total;
  }

  async #fill(): Promise<void> {
    await this.contender.fill(this.backlog);
    filledFor.set(this.contender, this);
    this.#ready = this.backlog;
  }
}

/** The medians over the rounds. */
export function summarize(samples: Sample[]): Figures {
  return {
    perSecond: median(samples.map(({ tasks, seconds }) => tasks / seconds)),
    p50: median(samples.map(({ latencies }) => percentile(latencies, 0.5))),
    p99: median(samples.map(({ latencies }) => percentile(latencies, 0.99))),
  };
}
