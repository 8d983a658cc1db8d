import { heartbeatReply } from "../shared/contract/agent.ts";
import { Refusal } from "./api-client.ts";
import { describeError, type Log } from "./log.ts";
import { Nudge } from "./nudge.ts";
import type { Session } from "./session.ts";
import type { Task } from "./task.ts";

export interface HeartbeatOptions {
  session: Session;
  intervalSeconds: number;
  isBusy: () => boolean;
  tasks: () => Task[];
  /** Told of tasks that are no longer ours. */
  onStop: (tasks: Task[]) => void;
  log: Log;
}

/** Says every interval that the agent is alive while it works, and at once when it starts or stops working. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #stopped = new AbortController();
  readonly #nudge = new Nudge();
  readonly #loop: Promise<void>;
  #wasBusy = false;
  #isHeard = true;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#loop = this.#beat();
  }

  /** The agent started or stopped working. */
  nudge(): void {
    this.#nudge.nudge();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #beat(): Promise<void> {
    const { intervalSeconds, isBusy } = this.#options;
    const { signal } = this.#stopped;
    // An idle agent asks for work, which is a sign of life, too.
    await this.#nudge.wait(Number.POSITIVE_INFINITY, signal);
    while (!signal.aborted) {
      const busy = isBusy();
      if (busy || this.#wasBusy) await this.#say(busy, signal);
      await this.#nudge.wait(this.#wasBusy ? intervalSeconds * 1000 : Number.POSITIVE_INFINITY, signal);
    }
  }

  async #say(busy: boolean, signal: AbortSignal): Promise<void> {
    const { session, intervalSeconds, tasks, onStop, log } = this.#options;
    const named = tasks();
    const body = (id: string) => ({
      id,
      status: busy ? "BUSY" : "IDLE",
      tasks: named.map((task) => ({ task_id: task.id, attempt: task.attempt })),
    });
    try {
      const call = { path: "/agent/heartbeat", body, reply: heartbeatReply };
      const { stop } = await session.tryOnce(call, signal, intervalSeconds * 1000);
      if (!this.#isHeard) log("info", "heard", "The server hears heartbeats again");
      this.#isHeard = true;
      this.#wasBusy = busy;
      onStop(named.filter(({ id }) => stop.includes(id)));
    } catch (error) {
      if (signal.aborted) return;
      if (this.#isHeard) log("warn", "unheard", `Heartbeat: ${describeError(error)}`);
      this.#isHeard = false;
      // What one heartbeat could not say, the next one says.
      this.#wasBusy = true;
      if (error instanceof Refusal) await session.register({ giveUp: signal, cutOff: signal }).catch(() => undefined);
    }
  }
}
