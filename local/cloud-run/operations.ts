import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ApiError, statusCode } from "./api-error.ts";
import { durationMs } from "./wire.ts";

/** What a long-running operation stands for. */
export interface OperationSubject {
  type: "Job" | "Execution";
  /** The resource now, in its wire shape. */
  resource: () => object;
  /** Settles when the operation is over; never rejects. */
  settled: Promise<void>;
  isDone: () => boolean;
  failure: () => string | undefined;
}

const KEPT_OPERATIONS = 10_000;

/** google.longrunning.Operations of one server. */
export class Operations {
  readonly #subjects = new Map<string, OperationSubject>();

  /** An operation that was over when it began, as changes of jobs are here. */
  done(location: string, type: OperationSubject["type"], resource: object) {
    return this.start(location, {
      type,
      resource: () => resource,
      settled: Promise.resolve(),
      isDone: () => true,
      failure: () => undefined,
    });
  }

  start(location: string, subject: OperationSubject) {
    const name = `${location}/operations/${randomUUID()}`;
    this.#subjects.set(name, subject);
    for (const oldest of this.#subjects.keys()) {
      if (this.#subjects.size <= KEPT_OPERATIONS) break;
      this.#subjects.delete(oldest);
    }
    return this.get(name);
  }

  get(name: string) {
    const subject = this.#find(name);
    const resource = { "@type": `type.googleapis.com/google.cloud.run.v2.${subject.type}`, ...subject.resource() };
    if (!subject.isDone()) return { name, done: false, metadata: resource };
    const message = subject.failure();
    if (message === undefined) return { name, done: true, metadata: resource, response: resource };
    return { name, done: true, metadata: resource, error: { code: statusCode("ABORTED"), message } };
  }

  /** The operation once it is over, or as it stands after the timeout. */
  async wait(name: string, timeout: string) {
    const timer = new AbortController();
    const elapsed = delay(durationMs(timeout), undefined, { signal: timer.signal, ref: false }).catch(() => undefined);
    await Promise.race([this.#find(name).settled, elapsed]);
    timer.abort();
    return this.get(name);
  }

  delete(name: string): object {
    this.#find(name);
    this.#subjects.delete(name);
    return {};
  }

  list(location: string) {
    return [...this.#subjects.keys()]
      .filter((name) => name.startsWith(`${location}/operations/`))
      .reverse()
      .map((name) => this.get(name));
  }

  #find(name: string): OperationSubject {
    const subject = this.#subjects.get(name);
    if (subject === undefined) throw new ApiError("NOT_FOUND", `Operation '${name}' not found.`);
    return subject;
  }
}
