import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Assignment } from "../shared/contract/agent.ts";
import { type CallLimits, Refusal } from "./api-client.ts";
import { Heartbeat } from "./heartbeat.ts";
import { describeError, type Log } from "./log.ts";
import { Nudge } from "./nudge.ts";
import { runTask, type TaskEnd } from "./run-task.ts";
import type { Session } from "./session.ts";
import { endStrays } from "./stray-processes.ts";
import { type Task, toTask } from "./task.ts";
import type { TaskDesk } from "./task-desk.ts";
import type { VenvCache } from "./venv-cache.ts";

/** The longest wait after tasks that failed here in a row: a machine that breaks them all must not get them all. */
const LONGEST_PENANCE_MS = 60_000;

export interface AgentDeps {
  session: Session;
  desk: TaskDesk;
  /** Aborted when the agent is to stop: its tasks are given back. */
  halt: AbortController;
  limits: CallLimits;
  concurrency: number;
  once: boolean;
  heartbeatSeconds: number;
  memoryMb: number;
  /** Where tasks have their folders; what is in it when the agent starts was left by one that died. */
  tasksDir: string;
  venvs: VenvCache | null;
  log: Log;
}

interface Held {
  task: Task;
  stop: AbortController;
}

/** Claims tasks and does them, several at a time, until told to stop. */
export class Agent {
  readonly #deps: AgentDeps;
  readonly #heartbeat: Heartbeat;
  readonly #held = new Map<string, Held>();
  readonly #workers = new Set<Promise<void>>();
  readonly #freed = new Nudge();
  #nextClaimAt = 0;
  #wasIdle = false;
  #undone = 0;
  #failuresInRow = 0;

  constructor(deps: AgentDeps) {
    this.#deps = deps;
    this.#heartbeat = new Heartbeat({
      session: deps.session,
      intervalSeconds: deps.heartbeatSeconds,
      isBusy: () => this.#workers.size > 0,
      tasks: () => this.#tasks(),
      onStop: (tasks) => this.#lose(tasks),
      log: deps.log,
    });
  }

  /**
   * Resolves to how many tasks were claimed and not completed; rejects with a Refusal when the server does not want this
   * agent any more.
   */
  async run(): Promise<number> {
    const { halt, once } = this.#deps;
    const stopAll = () => {
      for (const { stop } of this.#held.values()) stop.abort();
    };
    halt.signal.addEventListener("abort", stopAll);
    try {
      await this.#giveBackLeftovers();
      while (await this.#untilDue()) {
        const task = await this.#claim();
        if (task !== null) this.#employ(task);
        if (once) break;
      }
    } catch (error) {
      const wasHalted = halt.signal.aborted;
      halt.abort();
      if (!wasHalted) throw error;
    } finally {
      await Promise.all(this.#workers);
      await this.#heartbeat.stop();
    }
    return this.#undone;
  }

  /** Resolves to true when the agent may claim, to false when it is to stop. */
  async #untilDue(): Promise<boolean> {
    const { halt, concurrency } = this.#deps;
    while (!halt.signal.aborted) {
      const isFull = this.#workers.size >= concurrency;
      const wait = isFull ? Number.POSITIVE_INFINITY : this.#nextClaimAt - performance.now();
      if (wait <= 0) return true;
      await this.#freed.wait(wait, halt.signal);
    }
    return false;
  }

  async #claim(): Promise<Task | null> {
    const reply = await this.#deps.desk.claim();
    const task = this.#read(reply);
    if (task === null && !this.#wasIdle && this.#workers.size === 0)
      this.#deps.log("info", "idle", "There is no work for now");
    this.#wasIdle = task === null;
    return task;
  }

  /** The task of a reply, and when to ask again if it has none, or one that is being done already. */
  #read(reply: Assignment & { poll_after_seconds: number }): Task | null {
    const task = toTask(reply);
    const isNew = task !== null && !this.#held.has(keyOf(task));
    this.#nextClaimAt = isNew ? 0 : performance.now() + Math.max(reply.poll_after_seconds, 0.1) * 1000;
    return isNew ? task : null;
  }

  /** Does a task, and those that come with the reply to its completion. */
  #employ(first: Task): void {
    const work = async () => {
      for (let task: Task | null = first; task !== null; ) task = await this.#do(task);
    };
    const worker: Promise<void> = work()
      .catch((error: unknown) => {
        this.#undone++;
        this.#deps.log("error", "worker_failed", describeError(error));
      })
      .finally(() => {
        this.#workers.delete(worker);
        this.#freed.nudge();
        this.#heartbeat.nudge();
      });
    this.#workers.add(worker);
    this.#heartbeat.nudge();
  }

  /** Does one task to its recorded end; resolves to the next one, where that came along. */
  async #do(task: Task): Promise<Task | null> {
    const { session, limits, memoryMb, venvs, halt, tasksDir } = this.#deps;
    const stop = new AbortController();
    if (halt.signal.aborted) stop.abort();
    this.#held.set(keyOf(task), { task, stop });
    this.#say("info", "claimed", task, "claimed");
    const folder = join(tasksDir, keyOf(task));
    try {
      const end = await runTask(task, { session, limits, folder, memoryMb, venvs, stop });
      const next = await this.#settle(task, end);
      await this.#clear(folder);
      return next;
    } catch (error) {
      if (limits.cutOff.aborted) {
        // The folder stays: by it the next start knows what to give back.
        this.#drop("unsettled", task, "the server could not be told in time; the next start gives it back");
        return null;
      }
      if (!(error instanceof Refusal)) throw error;
      this.#drop("refused", task, error.message);
      await this.#clear(folder);
      return null;
    } finally {
      this.#held.delete(keyOf(task));
    }
  }

  async #settle(task: Task, end: TaskEnd): Promise<Task | null> {
    const { desk, halt, once } = this.#deps;
    if (end.kind === "completed") {
      if (!once && !halt.signal.aborted) return await this.#completeAndClaim(task, end);
      await desk.complete(task, end);
      this.#noteSuccess(task);
    } else if (end.kind === "failed") {
      const outcome = await desk.fail(task, end);
      this.#noteFailure(task, end.reason, outcome);
    } else if (halt.signal.aborted) {
      await desk.giveBack(task);
      this.#say("info", "given_back", task, "given back");
    } else this.#drop("lost", task, "is no longer this agent's; dropped");
    return null;
  }

  async #completeAndClaim(task: Task, end: Extract<TaskEnd, { kind: "completed" }>): Promise<Task | null> {
    const others = this.#tasks().filter((other) => other !== task);
    const reply = await this.#deps.desk.completeAndClaim(task, end, others);
    const { completion } = reply;
    if (completion === null || completion.code === "completed") this.#noteSuccess(task);
    else this.#drop("refused", task, completion.message);
    this.#lose(others.filter(({ id }) => reply.stop.includes(id)));
    return this.#read(reply);
  }

  #noteSuccess(task: Task): void {
    this.#failuresInRow = 0;
    this.#say("info", "completed", task, "completed");
  }

  #noteFailure(task: Task, reason: string, outcome: string): void {
    const penance = Math.min(LONGEST_PENANCE_MS, 1000 * 2 ** this.#failuresInRow++ - 1000);
    this.#nextClaimAt = Math.max(this.#nextClaimAt, performance.now() + penance * (0.5 + Math.random() / 2));
    this.#drop("failed", task, `failed (${outcome}): ${reason}`);
  }

  /** Gives back what an earlier process of this agent held when it died. */
  async #giveBackLeftovers(): Promise<void> {
    const { tasksDir, desk, log } = this.#deps;
    for (const name of await readdir(tasksDir).catch(() => [])) {
      const [, id, attempt] = /^(\d+)-(\d+)$/.exec(name) ?? [];
      if (id !== undefined && attempt !== undefined) {
        try {
          await desk.giveBack({ id: Number(id), attempt: Number(attempt) });
          log("info", "given_back", `Task ${id}, attempt ${attempt}, which an earlier run held, is given back`);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
        }
      }
      const folder = join(tasksDir, name);
      await endStrays(folder);
      await this.#clear(folder);
    }
  }

  /** A folder that a script has made hard to remove must not hold up what comes next. */
  async #clear(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
      this.#deps.log("warn", "folder_left", `Cannot remove ${folder}: ${describeError(error)}`);
    });
  }

  #tasks(): Task[] {
    return Array.from(this.#held.values(), ({ task }) => task);
  }

  #lose(tasks: Task[]): void {
    for (const task of tasks) this.#held.get(keyOf(task))?.stop.abort();
  }

  /** A task that was claimed comes to nothing here. */
  #drop(event: string, task: Task, what: string): void {
    this.#undone++;
    this.#say("warn", event, task, what);
  }

  #say(level: "info" | "warn", event: string, task: Task, what: string): void {
    const fields = { task_id: task.id, job_id: task.job, attempt: task.attempt };
    this.#deps.log(level, event, `Task ${task.id}, attempt ${task.attempt}: ${what}`, fields);
  }
}

function keyOf({ id, attempt }: Task): string {
  return `${id}-${attempt}`;
}
