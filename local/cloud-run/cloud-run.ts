import { randomInt } from "node:crypto";
import { ApiError } from "./api-error.ts";
import { applyOverrides } from "./apply-overrides.ts";
import { Execution, type RunTask } from "./execution.ts";
import { Job } from "./job.ts";
import { Operations } from "./operations.ts";
import type { Task } from "./task.ts";
import type { JobSpec, RunRequest } from "./wire.ts";

const SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const JOB_ID = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** A job by its parts; `location` is `projects/{project}/locations/{location}`. */
export interface JobRef {
  location: string;
  job: string;
}

/** The state of one project's Cloud Run jobs, and every change that the API can make to it. */
export class CloudRun {
  readonly operations = new Operations();
  readonly #jobs = new Map<string, Job>();
  /** Also those of deleted jobs and deleted executions, until their containers have ended. */
  readonly #live = new Set<Execution>();
  readonly #startupDelayMs: number;
  readonly #runTask: RunTask;

  constructor(options: { startupDelayMs: number; runTask: RunTask }) {
    this.#startupDelayMs = options.startupDelayMs;
    this.#runTask = options.runTask;
  }

  createJob(ref: JobRef, spec: JobSpec, validateOnly: boolean) {
    if (!JOB_ID.test(ref.job)) {
      throw new ApiError(
        "INVALID_ARGUMENT",
        "job_id: only lowercase letters, digits and hyphens; must begin with a letter, not end with a hyphen, and have at most 63 characters.",
      );
    }
    if (this.#jobs.has(nameOf(ref))) throw new ApiError("ALREADY_EXISTS", `Resource '${ref.job}' already exists.`);
    const job = new Job(nameOf(ref), runnable(spec));
    if (!validateOnly) this.#jobs.set(job.name, job);
    return this.operations.done(ref.location, "Job", job.toWire());
  }

  /** Replaces the job as a whole: the request carries no update mask. */
  updateJob(
    ref: JobRef,
    spec: JobSpec,
    { allowMissing, validateOnly }: { allowMissing: boolean; validateOnly: boolean },
  ) {
    if (allowMissing && !this.#jobs.has(nameOf(ref))) return this.createJob(ref, spec, validateOnly);
    const job = this.job(ref);
    if (validateOnly) return this.operations.done(ref.location, "Job", new Job(job.name, runnable(spec)).toWire());
    job.update(runnable(spec));
    return this.operations.done(ref.location, "Job", job.toWire());
  }

  deleteJob(ref: JobRef, query: URLSearchParams) {
    const job = this.job(ref);
    checkEtag(query.get("etag"), job.etag);
    if (query.get("validateOnly") === "true") return this.operations.done(ref.location, "Job", job.toWire());
    for (const execution of job.executions) execution.cancel();
    this.#jobs.delete(job.name);
    return this.operations.done(ref.location, "Job", { ...job.toWire(), deleteTime: new Date().toISOString() });
  }

  runJob(ref: JobRef, request: RunRequest) {
    const job = this.job(ref);
    checkEtag(request.etag, job.etag);
    const template = applyOverrides(job.spec.template, request);
    runnable({ ...job.spec, template });
    if (request.validateOnly) return this.operations.done(ref.location, "Execution", { job: job.shortName, template });
    const execution = new Execution({
      name: `${job.name}/executions/${job.shortName}-${suffix()}`,
      job: job.shortName,
      template,
      startupDelayMs: this.#startupDelayMs,
      runTask: this.#runTask,
    });
    job.add(execution);
    this.#live.add(execution);
    void execution.ended.then(() => this.#live.delete(execution));
    return this.operations.start(ref.location, whole(execution));
  }

  cancelExecution(ref: JobRef, id: string, request: { validateOnly: boolean; etag: string }) {
    const execution = this.execution(ref, id);
    checkEtag(request.etag, execution.etag);
    if (execution.completionTime !== undefined) {
      throw new ApiError("FAILED_PRECONDITION", `Execution '${id}' has completed; it cannot be cancelled.`);
    }
    if (!request.validateOnly) execution.cancel();
    return this.operations.start(ref.location, { ...whole(execution), failure: () => undefined });
  }

  deleteExecution(ref: JobRef, id: string, query: URLSearchParams) {
    const execution = this.execution(ref, id);
    checkEtag(query.get("etag"), execution.etag);
    if (query.get("validateOnly") !== "true") {
      execution.cancel();
      this.job(ref).forget(execution);
    }
    return this.operations.start(ref.location, { ...whole(execution), failure: () => undefined });
  }

  jobs(location: string): Job[] {
    return [...this.#jobs.values()].filter((job) => job.name.startsWith(`${location}/jobs/`)).reverse();
  }

  job(ref: JobRef): Job {
    const job = this.#jobs.get(nameOf(ref));
    if (job === undefined) throw missing("JOB", ref.job, ref.location);
    return job;
  }

  /** Newest first; the job `-` stands for all of the location's. */
  executions(ref: JobRef): Execution[] {
    const jobs = ref.job === "-" ? this.jobs(ref.location) : [this.job(ref)];
    const executions = jobs.flatMap((job) => [...job.executions].reverse());
    return executions.sort((a, b) => b.createTime.localeCompare(a.createTime));
  }

  execution(ref: JobRef, id: string): Execution {
    const found = this.#jobs.get(nameOf(ref))?.executions.find((each) => each.shortName === id);
    if (found === undefined) throw missing("EXECUTION", id, ref.location);
    return found;
  }

  task(ref: JobRef, executionId: string, id: string): Task {
    const found = this.execution(ref, executionId).tasks.find((each) => each.shortName === id);
    if (found === undefined) throw missing("TASK", id, ref.location);
    return found;
  }

  /** Cancels whatever runs and resolves when nothing does. */
  async close(): Promise<void> {
    for (const execution of this.#live) execution.cancel();
    await Promise.all([...this.#live].map((execution) => execution.ended));
  }
}

const nameOf = (ref: JobRef) => `${ref.location}/jobs/${ref.job}`;

const suffix = () => Array.from({ length: 5 }, () => SUFFIX_ALPHABET[randomInt(SUFFIX_ALPHABET.length)]).join("");

const whole = (execution: Execution) => ({
  type: "Execution" as const,
  resource: () => execution.toWire(),
  settled: execution.ended,
  isDone: () => execution.completionTime !== undefined,
  failure: () => execution.failure,
});

function checkEtag(asked: string | null, current: string): void {
  if (asked && asked !== current) throw new ApiError("ABORTED", "The resource has changed: its etag does not match.");
}

function missing(kind: "JOB" | "EXECUTION" | "TASK", id: string, location: string): ApiError {
  const [, project, , region] = location.split("/");
  return new ApiError(
    "NOT_FOUND",
    `Resource '${id}' of kind '${kind}' in region '${region}' in project '${project}' does not exist.`,
  );
}

/** Refuses what a child process cannot play, instead of running it half. */
function runnable(spec: JobSpec): JobSpec {
  const { containers } = spec.template.template;
  if (containers.length > 1) throw new ApiError("UNIMPLEMENTED", "This Cloud Run runs one container per task.");
  const secret = containers[0]?.env.find((variable) => variable.valueSource !== undefined);
  if (secret) {
    throw new ApiError("UNIMPLEMENTED", `This Cloud Run has no Secret Manager: give "${secret.name}" as a value.`);
  }
  return spec;
}
