import { randomUUID } from "node:crypto";
import { statusCode } from "./api-error.ts";
import { Conditions } from "./conditions.ts";
import type { ContainerEnd } from "./run-container.ts";
import type { ExecutionTemplate } from "./wire.ts";

export type TaskState = "pending" | "running" | "succeeded" | "failed" | "cancelled";

/** Runs the task's container once; `attempt` counts from 0. */
export type RunAttempt = (attempt: number) => Promise<ContainerEnd>;

/** One task of an execution: its container, run again until it succeeds or its retries are spent. */
export class Task {
  readonly index: number;
  readonly name: string;
  readonly shortName: string;
  state: TaskState = "pending";
  retried = 0;
  /** Why the last attempt failed, as a person reads it. */
  failure = "";
  readonly #uid = randomUUID();
  readonly #createTime = new Date().toISOString();
  readonly #conditions = new Conditions();
  readonly #execution: { name: string; job: string };
  readonly #template: ExecutionTemplate["template"];
  #startTime: string | undefined;
  #completionTime: string | undefined;
  #lastEnd: ContainerEnd | undefined;

  constructor(index: number, execution: { name: string; job: string }, template: ExecutionTemplate["template"]) {
    this.index = index;
    this.#execution = execution;
    this.#template = template;
    this.shortName = `${execution.name.split("/").at(-1)}-task${index}`;
    this.name = `${execution.name}/tasks/${this.shortName}`;
    this.#conditions.set("Completed", "CONDITION_PENDING");
  }

  /** Resolves when the task has reached its last state; `cancelled` is asked whenever an attempt has ended. */
  async run(runAttempt: RunAttempt, cancelled: () => boolean): Promise<void> {
    this.state = "running";
    this.#startTime = new Date().toISOString();
    this.#conditions.set("Started", "CONDITION_SUCCEEDED");
    this.#conditions.set("Completed", "CONDITION_RECONCILING");
    for (;;) {
      const end = await runAttempt(this.retried);
      this.#lastEnd = end;
      if (end.kind === "exited" && end.exitCode === 0) return this.#finish("succeeded");
      this.failure = describeFailure(end);
      if (cancelled()) return this.#finish("cancelled");
      if (this.retried >= this.#template.maxRetries) return this.#finish("failed");
      this.retried++;
      this.#conditions.set("Retry", "CONDITION_SUCCEEDED", { message: `Attempt ${this.retried} of the task failed.` });
    }
  }

  /** Ends a task that never started. */
  cancel(): void {
    this.#finish("cancelled");
  }

  #finish(state: "succeeded" | "failed" | "cancelled"): void {
    this.state = state;
    this.#completionTime = new Date().toISOString();
    if (state === "succeeded") this.#conditions.set("Completed", "CONDITION_SUCCEEDED");
    else if (state === "cancelled") {
      this.#conditions.set("Completed", "CONDITION_FAILED", {
        message: "Task cancelled.",
        executionReason: "CANCELLED",
      });
    } else {
      this.#conditions.set("Completed", "CONDITION_FAILED", {
        message: this.failure,
        executionReason: "NON_ZERO_EXIT_CODE",
      });
    }
  }

  toWire() {
    const { containers, maxRetries, timeout, ...others } = this.#template;
    return {
      ...others,
      name: this.name,
      uid: this.#uid,
      generation: "1",
      observedGeneration: "1",
      createTime: this.#createTime,
      scheduledTime: this.#createTime,
      startTime: this.#startTime,
      completionTime: this.#completionTime,
      updateTime: this.#completionTime ?? this.#startTime ?? this.#createTime,
      job: this.#execution.job,
      execution: this.#execution.name,
      containers,
      maxRetries,
      timeout,
      index: this.index,
      retried: this.retried,
      reconciling: this.#completionTime === undefined,
      conditions: this.#conditions.toWire(),
      lastAttemptResult: this.#lastEnd && attemptResult(this.#lastEnd),
      etag: `"${this.#uid}"`,
    };
  }
}

function describeFailure(end: ContainerEnd): string {
  switch (end.kind) {
    case "exited":
      return end.exitCode === 0 ? "" : "The container exited with an error.";
    case "killed":
      return `The container was terminated by signal ${end.termSignal}.`;
    case "timed_out":
      return "The configured timeout was reached.";
    case "not_started":
      return `The container could not be started: ${end.message}`;
  }
}

/** TaskAttemptResult: a status, and at most one of exit code and signal. */
function attemptResult(end: ContainerEnd) {
  if (end.kind === "exited" && end.exitCode === 0) return { status: {}, exitCode: 0 };
  const code = statusCode(end.kind === "timed_out" ? "DEADLINE_EXCEEDED" : "INTERNAL");
  const status = { code, message: describeFailure(end) };
  if (end.kind === "exited") return { status, exitCode: end.exitCode };
  return end.kind === "not_started" ? { status } : { status, termSignal: end.termSignal };
}
