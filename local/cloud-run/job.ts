import { randomUUID } from "node:crypto";
import { Conditions } from "./conditions.ts";
import type { Execution } from "./execution.ts";
import type { JobSpec } from "./wire.ts";

/** Completed executions that Cloud Run keeps per job. */
const KEPT_EXECUTIONS = 1000;

/** A job: the template of its executions, and the executions themselves, newest last. */
export class Job {
  readonly name: string;
  readonly shortName: string;
  readonly executions: Execution[] = [];
  readonly createTime = new Date().toISOString();
  spec: JobSpec;
  readonly #uid = randomUUID();
  readonly #conditions = new Conditions();
  #updateTime = this.createTime;
  #generation = 1;
  #executionCount = 0;

  constructor(name: string, spec: JobSpec) {
    this.name = name;
    this.shortName = name.split("/").at(-1) ?? "";
    this.spec = spec;
    this.#conditions.set("Ready", "CONDITION_SUCCEEDED");
  }

  get etag(): string {
    return `"${this.#uid}/${this.#generation}"`;
  }

  update(spec: JobSpec): void {
    this.spec = spec;
    this.#generation++;
    this.#updateTime = new Date().toISOString();
  }

  add(execution: Execution): void {
    this.executions.push(execution);
    this.#executionCount++;
    const completed = this.executions.filter((each) => each.completionTime !== undefined);
    const oldest = completed[0];
    if (oldest && completed.length > KEPT_EXECUTIONS) this.forget(oldest);
  }

  forget(execution: Execution): void {
    this.executions.splice(this.executions.indexOf(execution), 1);
  }

  toWire() {
    const latest = this.executions.at(-1);
    return {
      ...this.spec,
      name: this.name,
      uid: this.#uid,
      generation: String(this.#generation),
      observedGeneration: String(this.#generation),
      createTime: this.createTime,
      updateTime: this.#updateTime,
      launchStage: "GA",
      terminalCondition: this.#conditions.toWire()[0],
      executionCount: this.#executionCount,
      latestCreatedExecution: latest && {
        name: latest.name,
        createTime: latest.createTime,
        completionTime: latest.completionTime,
        completionStatus: latest.completionStatus,
      },
      reconciling: false,
      etag: this.etag,
    };
  }
}
