import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Conditions, type ExecutionReason } from "./conditions.ts";
import type { ContainerEnd } from "./run-container.ts";
import { Task, type TaskState } from "./task.ts";
import type { ExecutionTemplate } from "./wire.ts";

/** Runs one attempt of one task of an execution. */
export type RunTask = (execution: Execution, task: Task, attempt: number, signal: AbortSignal) => Promise<ContainerEnd>;

export interface ExecutionOptions {
  /** `projects/…/jobs/{job}/executions/{execution}` */
  name: string;
  /** Short names of the parent, as the API gives it. */
  job: string;
  template: ExecutionTemplate;
  startupDelayMs: number;
  runTask: RunTask;
}

type CompletionStatus =
  | "EXECUTION_PENDING"
  | "EXECUTION_RUNNING"
  | "EXECUTION_SUCCEEDED"
  | "EXECUTION_FAILED"
  | "EXECUTION_CANCELLED";

/** One execution of a job: its tasks side by side, at most `parallelism` at a time. */
export class Execution {
  readonly name: string;
  readonly shortName: string;
  readonly job: string;
  readonly template: ExecutionTemplate;
  readonly tasks: Task[];
  readonly createTime = new Date().toISOString();
  /** Settles once every task has ended; never rejects. */
  readonly ended: Promise<void>;
  completionTime: string | undefined;
  readonly #uid = randomUUID();
  readonly #conditions = new Conditions();
  readonly #stop = new AbortController();
  readonly #startupDelayMs: number;
  readonly #runTask: RunTask;
  #startTime: string | undefined;
  #updateTime = this.createTime;
  #revision = 1;

  constructor(options: ExecutionOptions) {
    this.name = options.name;
    this.shortName = options.name.split("/").at(-1) ?? "";
    this.job = options.job;
    this.template = options.template;
    this.#startupDelayMs = options.startupDelayMs;
    this.#runTask = options.runTask;
    this.tasks = Array.from({ length: options.template.taskCount }, (_, index) => {
      return new Task(index, { name: options.name, job: options.job }, options.template.template);
    });
    this.#conditions.set("Completed", "CONDITION_RECONCILING");
    this.#conditions.set("ResourcesAvailable", "CONDITION_RECONCILING", { message: "Provisioning resources." });
    this.ended = this.#run();
  }

  /** SIGTERM to what runs, then SIGKILL after ten seconds; `ended` tells when it is over. Done already: nothing. */
  cancel(): void {
    if (this.completionTime !== undefined || this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#touch();
    this.#conditions.set("Completed", "CONDITION_RECONCILING", {
      message: "Execution is being cancelled.",
      executionReason: "CANCELLING",
    });
  }

  /** Why the execution failed; undefined while it runs and when it succeeded. */
  get failure(): string | undefined {
    const failed = this.tasks.find((task) => task.state === "failed");
    if (failed) return `Task ${failed.shortName} failed with message: ${failed.failure}`;
    return this.completionTime !== undefined && this.#count("cancelled") > 0 ? "Execution cancelled." : undefined;
  }

  get completionStatus(): CompletionStatus {
    if (this.completionTime === undefined) return this.#startTime ? "EXECUTION_RUNNING" : "EXECUTION_PENDING";
    if (this.failure === undefined) return "EXECUTION_SUCCEEDED";
    return this.#stop.signal.aborted ? "EXECUTION_CANCELLED" : "EXECUTION_FAILED";
  }

  get etag(): string {
    return `"${this.#uid}/${this.#revision}"`;
  }

  async #run(): Promise<void> {
    // The reply to `:run` shows the execution before its first container starts.
    await delay(this.#startupDelayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    if (!this.#stop.signal.aborted) {
      this.#startTime = new Date().toISOString();
      this.#touch();
      this.#conditions.set("ResourcesAvailable", "CONDITION_SUCCEEDED", { message: "Provisioned resources." });
      this.#conditions.set("Started", "CONDITION_SUCCEEDED", { message: "Started deployed execution." });
    }
    const waiting = [...this.tasks];
    const lane = async () => {
      for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await this.#runOne(task);
    };
    const width = this.template.parallelism || this.template.taskCount;
    await Promise.all(Array.from({ length: Math.min(width, this.tasks.length) }, lane));
    this.#complete();
  }

  async #runOne(task: Task): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return task.cancel();
    await task.run(
      (attempt) => this.#runTask(this, task, attempt, signal),
      () => signal.aborted,
    );
    this.#touch();
  }

  #complete(): void {
    this.completionTime = new Date().toISOString();
    this.#touch();
    const { failure } = this;
    if (failure === undefined) {
      this.#conditions.set("Completed", "CONDITION_SUCCEEDED", { message: "Execution completed successfully." });
      return;
    }
    const executionReason: ExecutionReason = this.#stop.signal.aborted ? "CANCELLED" : "NON_ZERO_EXIT_CODE";
    this.#conditions.set("Completed", "CONDITION_FAILED", { message: failure, executionReason });
  }

  #touch(): void {
    this.#updateTime = new Date().toISOString();
    this.#revision++;
  }

  #count(state: TaskState): number {
    return this.tasks.filter((task) => task.state === state).length;
  }

  toWire() {
    const { template, labels, annotations } = this.template;
    return {
      name: this.name,
      uid: this.#uid,
      generation: "1",
      observedGeneration: "1",
      labels,
      annotations,
      createTime: this.createTime,
      startTime: this.#startTime,
      completionTime: this.completionTime,
      updateTime: this.#updateTime,
      launchStage: "GA",
      job: this.job,
      parallelism: this.template.parallelism,
      taskCount: this.template.taskCount,
      template,
      reconciling: this.completionTime === undefined,
      conditions: this.#conditions.toWire(),
      runningCount: this.#count("running"),
      succeededCount: this.#count("succeeded"),
      failedCount: this.#count("failed"),
      cancelledCount: this.#count("cancelled"),
      retriedCount: this.tasks.filter((task) => task.retried > 0).length,
      etag: this.etag,
    };
  }
}
