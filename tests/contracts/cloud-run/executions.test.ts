import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectCloudRun, LOCATION } from "./connect-cloud-run.ts";

let cloud: Awaited<ReturnType<typeof connectCloudRun>>;
beforeAll(async () => {
  cloud = await connectCloudRun();
});
afterAll(() => cloud.close());

const PRINT_ENV = "console.log(JSON.stringify(process.env))";
/** Says so when it gets SIGTERM, and ends in time. */
const OBEDIENT = `
  process.on("SIGTERM", () => { console.log("stopping"); process.exit(143); });
  setInterval(() => {}, 1000);
  console.log("running");
`;
/** Hears SIGTERM and goes on. */
const STUBBORN = `
  process.on("SIGTERM", () => console.log("not stopping"));
  setInterval(() => {}, 1000);
  console.log("running");
`;

const completed = (execution: { conditions?: { type?: string | null }[] | null }) =>
  execution.conditions?.find((condition) => condition.type === "Completed");

describe("a run", () => {
  test("gives the container the job's environment, the overrides over it, and Cloud Run's own variables", async () => {
    await cloud.createJob("printing", PRINT_ENV);
    const { name, operation } = await cloud.run("printing", { NAME: "override", RUN_ID: "7" });
    await operation.promise();
    const [execution] = await cloud.executions.getExecution({ name });
    const id = name.split("/").at(-1);
    const line = await cloud.line(new RegExp(`^${id}: `));
    const { PATH, ...env } = JSON.parse(line.slice(`${id}: `.length));
    expect(PATH).toBe(process.env.PATH);
    expect(env).toEqual({
      GREETING: "hello",
      NAME: "override",
      RUN_ID: "7",
      CLOUD_RUN_JOB: "printing",
      CLOUD_RUN_EXECUTION: id,
      CLOUD_RUN_TASK_INDEX: "0",
      CLOUD_RUN_TASK_ATTEMPT: "0",
      CLOUD_RUN_TASK_COUNT: "1",
    });
    expect(execution).toMatchObject({ name, job: "printing", succeededCount: 1, runningCount: 0, reconciling: false });
    expect(completed(execution)).toMatchObject({ state: "CONDITION_SUCCEEDED" });
  });

  test("answers with the execution's name before the container ends", async () => {
    await cloud.createJob("lasting", OBEDIENT);
    const { name, operation } = await cloud.run("lasting");
    expect(name).toMatch(new RegExp(`^${LOCATION}/jobs/lasting/executions/lasting-[a-z0-9]{5}$`));
    expect(operation.done).toBe(false);
    await cloud.line(new RegExp(`${name.split("/").at(-1)}: running`));
    const [running] = await cloud.executions.getExecution({ name });
    expect(running).toMatchObject({ runningCount: 1, reconciling: true });
    expect(completed(running)).toMatchObject({ state: "CONDITION_RECONCILING" });
    const [job] = await cloud.jobs.getJob({ name: `${LOCATION}/jobs/lasting` });
    expect(job.latestCreatedExecution).toMatchObject({ name, completionStatus: "EXECUTION_RUNNING" });
    await (await cloud.executions.cancelExecution({ name }))[0].promise();
  });

  test("replaces arguments, clears them, and takes another task count and timeout", async () => {
    const containers = [
      { image: "test", command: ["node", "-p", "process.argv.slice(1).join()", "--"], args: ["own", "args"] },
    ];
    await cloud.jobs.createJob({ parent: LOCATION, jobId: "argued", job: { template: { template: { containers } } } });
    const run = async (containerOverride: object, overrides: object = {}) => {
      const [operation] = await cloud.jobs.runJob({
        name: `${LOCATION}/jobs/argued`,
        overrides: { containerOverrides: [containerOverride], ...overrides },
      });
      const [execution] = await operation.promise();
      const id = execution.name?.split("/").at(-1);
      return { execution, printed: await cloud.line(new RegExp(`^${id}: `)), id };
    };
    const own = await run({});
    expect(own.printed).toBe(`${own.id}: own,args`);
    const replaced = await run({ args: ["other"] }, { taskCount: 2, timeout: { seconds: 30 } });
    expect(replaced.printed).toBe(`${replaced.id}: other`);
    expect(replaced.execution.taskCount).toBe(2);
    expect(Number(replaced.execution.template?.timeout?.seconds)).toBe(30);
    const cleared = await run({ clearArgs: true });
    expect(cleared.printed).toBe(`${cleared.id}: `);
  });

  test("of a job that does not exist is refused", async () => {
    await expect(cloud.run("missing")).rejects.toThrow("does not exist");
  });

  test("whose command does not exist fails and says why", async () => {
    const containers = [{ image: "test", command: ["/no/such/command"] }];
    await cloud.jobs.createJob({
      parent: LOCATION,
      jobId: "commandless",
      job: { template: { template: { containers, maxRetries: 0 } } },
    });
    const { operation } = await cloud.run("commandless");
    await expect(operation.promise()).rejects.toThrow(/could not be started: .*ENOENT/);
  });
});

describe("tasks", () => {
  test("run side by side, each with its index, no more at a time than the parallelism", async () => {
    await cloud.createJob("parallel", PRINT_ENV, { taskCount: 3, parallelism: 2 });
    const { name, operation } = await cloud.run("parallel");
    const [execution] = await operation.promise();
    expect(execution).toMatchObject({ taskCount: 3, parallelism: 2, succeededCount: 3 });
    const [tasks] = await cloud.tasks.listTasks({ parent: name });
    expect(tasks.map((task) => task.index)).toEqual([0, 1, 2]);
    const seconds = tasks.map((task) => ({ start: at(task.startTime), end: at(task.completionTime) }));
    const [first, second, third] = seconds;
    expect(second?.start).toBeLessThanOrEqual(first?.end ?? 0);
    expect(third?.start).toBeGreaterThanOrEqual(Math.min(first?.end ?? 0, second?.end ?? 0));
  });

  test("are tried again until their retries are spent, and tell the last exit code", async () => {
    await cloud.createJob("failing", "console.log(process.env.CLOUD_RUN_TASK_ATTEMPT); process.exit(3)", {
      maxRetries: 2,
    });
    const { name, operation } = await cloud.run("failing");
    const id = name.split("/").at(-1);
    await expect(operation.promise()).rejects.toThrow(
      `Task ${id}-task0 failed with message: The container exited with an error.`,
    );
    expect(cloud.lines.filter((line) => line.startsWith(`${id}:`))).toEqual([`${id}: 0`, `${id}: 1`, `${id}: 2`]);
    const [execution] = await cloud.executions.getExecution({ name });
    expect(execution).toMatchObject({ failedCount: 1, retriedCount: 1, succeededCount: 0 });
    expect(completed(execution)).toMatchObject({
      state: "CONDITION_FAILED",
      executionReason: "NON_ZERO_EXIT_CODE",
    });
    const [task] = await cloud.tasks.getTask({ name: `${name}/tasks/${id}-task0` });
    expect(task).toMatchObject({ retried: 2, lastAttemptResult: { exitCode: 3 } });
  });

  test("that succeed on a second attempt make the execution succeed", async () => {
    await cloud.createJob("recovering", "process.exit(process.env.CLOUD_RUN_TASK_ATTEMPT === '0' ? 1 : 0)", {
      maxRetries: 1,
    });
    const [execution] = await (await cloud.run("recovering")).operation.promise();
    expect(execution).toMatchObject({ succeededCount: 1, failedCount: 0, retriedCount: 1 });
  });

  test("that outlast their timeout get SIGTERM and fail", async () => {
    await cloud.createJob("slow", OBEDIENT, { timeoutSeconds: 1 });
    const { name, operation } = await cloud.run("slow");
    await expect(operation.promise()).rejects.toThrow("The configured timeout was reached.");
    expect(cloud.lines).toContain(`${name.split("/").at(-1)}: stopping`);
    const [[task]] = await cloud.tasks.listTasks({ parent: name });
    expect(task?.lastAttemptResult?.status?.code).toBe(4);
  });
});

describe("a cancelled execution", () => {
  test("stops its container by SIGTERM and ends as cancelled", async () => {
    await cloud.createJob("cancelled", OBEDIENT, { maxRetries: 3 });
    const { name, operation } = await cloud.run("cancelled");
    const id = name.split("/").at(-1);
    await cloud.line(new RegExp(`${id}: running`));
    await (await cloud.executions.cancelExecution({ name }))[0].promise();
    const [execution] = await cloud.executions.getExecution({ name });
    expect(cloud.lines).toContain(`${id}: stopping`);
    expect(execution).toMatchObject({ cancelledCount: 1, runningCount: 0, retriedCount: 0 });
    expect(completed(execution)).toMatchObject({ state: "CONDITION_FAILED", executionReason: "CANCELLED" });
    await expect(operation.promise()).rejects.toThrow("cancelled");
    await expect(cloud.executions.cancelExecution({ name })).rejects.toThrow("cannot be cancelled");
  });

  test("kills a container that does not stop within ten seconds", async () => {
    await cloud.createJob("stubborn", STUBBORN);
    const { name } = await cloud.run("stubborn");
    await cloud.line(new RegExp(`${name.split("/").at(-1)}: running`));
    const startedAt = Date.now();
    await (await cloud.executions.cancelExecution({ name }))[0].promise();
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(9_900);
    const [[task]] = await cloud.tasks.listTasks({ parent: name });
    expect(task?.lastAttemptResult).toMatchObject({ termSignal: 9 });
  });
});

describe("executions", () => {
  test("are listed newest first, for one job and for all", async () => {
    await cloud.createJob("listed", "");
    const names = [];
    for (let round = 0; round < 3; round++) {
      const { name, operation } = await cloud.run("listed");
      await operation.promise();
      names.unshift(name);
    }
    const [own] = await cloud.executions.listExecutions({ parent: `${LOCATION}/jobs/listed` });
    expect(own.map((execution) => execution.name)).toEqual(names);
    const [all] = await cloud.executions.listExecutions({ parent: `${LOCATION}/jobs/-` });
    expect(all.map((execution) => execution.name)).toEqual(expect.arrayContaining(names));
  });

  test("are gone once deleted", async () => {
    await cloud.createJob("forgotten", "");
    const { name, operation } = await cloud.run("forgotten");
    await operation.promise();
    await (await cloud.executions.deleteExecution({ name }))[0].promise();
    await expect(cloud.executions.getExecution({ name })).rejects.toThrow("of kind 'EXECUTION'");
  });
});

test("an operation can be found again by its name", async () => {
  await cloud.createJob("operated", "");
  const { operation } = await cloud.run("operated");
  await operation.promise();
  const found = await cloud.jobs.checkRunJobProgress(operation.name ?? "");
  expect(found.done).toBe(true);
  await expect(cloud.jobs.checkRunJobProgress(`${LOCATION}/operations/made-up`)).rejects.toThrow("not found");
});

const at = (time: { seconds?: unknown; nanos?: number | null } | null | undefined) =>
  Number(time?.seconds) + Number(time?.nanos) / 1e9;
