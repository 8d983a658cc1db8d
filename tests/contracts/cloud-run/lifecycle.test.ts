import { randomBytes } from "node:crypto";
import { ExecutionsClient, JobsClient, TasksClient } from "@google-cloud/run";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectCloudRun } from "./connect-cloud-run.ts";

/** Set, beside Google's usual credentials, to run this suite against Cloud Run itself: `projects/…/locations/…`. */
const VENDOR_LOCATION = process.env.CORRAL_CONTRACT_CLOUD_RUN;
const IMAGE = "docker.io/library/node:20-slim";
const MINUTES = 60_000;

interface Backend {
  location: string;
  jobs: JobsClient;
  executions: ExecutionsClient;
  tasks: TasksClient;
  close(): Promise<unknown>;
}

async function connectStandIn(): Promise<Backend> {
  return { ...(await connectCloudRun()), location: "projects/corral-local/locations/europe-west1" };
}

async function connectVendor(location: string): Promise<Backend> {
  const jobs = new JobsClient({ fallback: true });
  const executions = new ExecutionsClient({ fallback: true });
  const tasks = new TasksClient({ fallback: true });
  return {
    location,
    jobs,
    executions,
    tasks,
    close: () => Promise.all([jobs.close(), executions.close(), tasks.close()]),
  };
}

const backends: [string, () => Promise<Backend>][] = [["the stand-in", connectStandIn]];
if (VENDOR_LOCATION) backends.push(["Cloud Run itself", () => connectVendor(VENDOR_LOCATION)]);

describe.for(backends)("on %s, a job", ([, connect]) => {
  let cloud: Backend;
  let name: string;
  beforeAll(async () => {
    cloud = await connect();
    const jobId = `contract-${randomBytes(4).toString("hex")}`;
    name = `${cloud.location}/jobs/${jobId}`;
    const script = "setTimeout(() => process.exit(Number(process.env.EXIT_CODE)), Number(process.env.LAST_MS))";
    const env = [
      { name: "EXIT_CODE", value: "0" },
      { name: "LAST_MS", value: "0" },
    ];
    const containers = [{ image: IMAGE, command: ["node", "-e", script], env }];
    const template = { taskCount: 2, template: { containers, maxRetries: 1, timeout: { seconds: 300 } } };
    const [created] = await cloud.jobs.createJob({ parent: cloud.location, jobId, job: { template } });
    await created.promise();
  }, 5 * MINUTES);
  afterAll(async () => {
    await (await cloud.jobs.deleteJob({ name }))[0].promise();
    await cloud.close();
  }, 5 * MINUTES);

  async function run(env: Record<string, string>) {
    const variables = Object.entries(env).map(([variable, value]) => ({ name: variable, value }));
    const [operation] = await cloud.jobs.runJob({ name, overrides: { containerOverrides: [{ env: variables }] } });
    const metadata: unknown = operation.metadata;
    if (typeof metadata !== "object" || metadata === null || !("name" in metadata)) throw new Error("no metadata");
    return { execution: String(metadata.name), operation };
  }

  async function read(execution: string) {
    const [found] = await cloud.executions.getExecution({ name: execution });
    const completed = found.conditions?.find((condition) => condition.type === "Completed");
    return { ...found, completed };
  }

  test("runs to its end", { timeout: 5 * MINUTES }, async () => {
    const { execution, operation } = await run({});
    expect(execution).toMatch(new RegExp(`^${name}/executions/.+`));
    await operation.promise();
    expect(await read(execution)).toMatchObject({
      taskCount: 2,
      succeededCount: 2,
      failedCount: 0,
      runningCount: 0,
      completed: { state: "CONDITION_SUCCEEDED" },
    });
    const [tasks] = await cloud.tasks.listTasks({ parent: execution });
    expect(tasks.map((task) => task.index).sort()).toEqual([0, 1]);
    const [listed] = await cloud.executions.listExecutions({ parent: name });
    expect(listed.map((each) => each.name)).toContain(execution);
  });

  test("fails when its tasks do, after their retries", { timeout: 5 * MINUTES }, async () => {
    const { execution, operation } = await run({ EXIT_CODE: "7" });
    await expect(operation.promise()).rejects.toThrow();
    const failed = await read(execution);
    expect(failed.completed).toMatchObject({ state: "CONDITION_FAILED", executionReason: "NON_ZERO_EXIT_CODE" });
    expect(failed.failedCount).toBeGreaterThan(0);
    const [tasks] = await cloud.tasks.listTasks({ parent: execution });
    const exhausted = tasks.find((task) => task.retried === 1);
    expect(exhausted?.lastAttemptResult?.exitCode).toBe(7);
  });

  test("can be cancelled while it runs", { timeout: 5 * MINUTES }, async () => {
    const { execution } = await run({ LAST_MS: "240000" });
    await (await cloud.executions.cancelExecution({ name: execution }))[0].promise();
    expect(await read(execution)).toMatchObject({
      runningCount: 0,
      succeededCount: 0,
      completed: { state: "CONDITION_FAILED", executionReason: "CANCELLED" },
    });
  });

  test("that does not exist is a 404", async () => {
    const missing = `${cloud.location}/jobs/contract-missing`;
    await expect(cloud.jobs.getJob({ name: missing })).rejects.toMatchObject({ code: 404 });
    await expect(cloud.jobs.runJob({ name: missing })).rejects.toMatchObject({ code: 404 });
  });
});
