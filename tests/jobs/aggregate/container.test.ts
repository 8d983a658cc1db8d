import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addAgent, addJob, completeTask, openEnrollment, requestTask } from "../../db/fleet-scene.ts";
import { type JobProcess, type Lane, startLane } from "../start-lane.ts";
import { readSafetensors, safetensorsFile } from "./safetensors-file.ts";
import { weights } from "./write-torch.ts";

let lane: Lane;
let agents: string[];
beforeAll(async () => {
  lane = await startLane();
  await openEnrollment(lane.db);
  agents = await Promise.all(Array.from({ length: 4 }, () => addAgent(lane.db)));
});
afterAll(() => lane.close());

const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
const model = (...values: number[]) =>
  safetensorsFile(
    { w: { dtype: "F32", shape: [values.length], data_offsets: [0, 4 * values.length] } },
    floats(...values),
  );

interface Finished {
  content: Uint8Array;
  rows?: number;
}

/** Makes a job whose tasks have these results, and resolves to it and the run that aggregates them. */
async function finishJob(aggregate: string, name: string, finished: Finished[]) {
  const { id: job } = await addJob(lane.db, finished.length, { aggregate });
  const work = async (agent: string) => {
    for (;;) {
      const { outcome, task_id: task, attempt } = await requestTask(lane.db, agent);
      if (outcome === "nothing") return;
      const { content, rows } = finished[(Number(task) % 10_000_000) - 1] ?? { content: Buffer.alloc(0) };
      const object = `jobs/${job}/results/${task}/${attempt}/${name}`;
      await lane.bucket.file(object).save(Buffer.from(content), { resumable: false });
      await completeTask(lane.db, agent, task, { attempt, result_url: `gs://${lane.bucket.name}/${object}`, rows });
    }
  };
  await Promise.all(agents.map(work));
  await lane.db.sql("select public.settle_job($1)", [job]);
  const [run] = await lane.db.sql<{ id: string }>(
    "select id from corral.runs where kind = 'aggregate' and subject = $1",
    [String(job)],
  );
  if (run === undefined) throw new Error("the job is not aggregated");
  return { job, run: run.id };
}

async function readJob(id: number) {
  const [job] = await lane.db.sql(
    "select status, final_result_url, result_details, error_code, error_message from corral.jobs where id = $1",
    [id],
  );
  return job;
}

async function download(url: unknown): Promise<Buffer> {
  const [content] = await lane.bucket.file(String(url).replace(`gs://${lane.bucket.name}/`, "")).download();
  return content;
}

describe("the job aggregate as a container", () => {
  it("gives the job the mean of its results, weighted by the rows that agents told, and completes it", async () => {
    const { job, run } = await finishJob("auto", "model.safetensors", [
      { content: model(1, 2), rows: 30 },
      { content: model(5, 6) },
    ]);
    const container = await lane.launch(run, "aggregate");
    expect(await container.exit).toMatchObject({ code: 0 });
    expect(container.lines[0]).toBe(`corral-job aggregate run=${run} attempt=1 started`);
    const url = `gs://${lane.bucket.name}/jobs/${job}/final/${run}/result.safetensors`;
    expect(container.lines.at(-1)).toBe(`published: ${url}`);
    expect(await readJob(job)).toEqual({
      status: "COMPLETED",
      final_result_url: url,
      result_details: {
        mode: "fedavg",
        tasks: 2,
        results: 2,
        format: "safetensors",
        tensors: 1,
        parameters: 2,
        weighted_by: "rows",
      },
      error_code: null,
      error_message: null,
    });
    // The chunk of a task whose agent told no rows has ten.
    expect(readSafetensors(await download(url)).tensors.w?.[2]).toEqual(floats(2, 3));
    expect(await lane.readRun(run)).toMatchObject({
      state: "succeeded",
      phase: "publishing",
      progress: { results: 2 },
    });
  });

  it("joins more results than a page of them holds, in the order of their numbers", async () => {
    const [tasks, objects] = [1003, 7];
    const { id: job } = await addJob(lane.db, tasks, { aggregate: "concat" });
    const folder = `jobs/${job}/results/shared`;
    for (let object = 0; object < objects; object++)
      await lane.bucket.file(`${folder}/${object}.csv`).save(`n\n${object}\n`, { resumable: false });
    await lane.db.sql(
      `update corral.tasks set state = 'COMPLETED', result_url = format('gs://%s/%s/%s.csv', $2::text, $3::text, id % $4)
        where id / 10000000 = $1`,
      [job, lane.bucket.name, folder, objects],
    );
    await lane.db.sql("update corral.jobs set status = 'AGGREGATING' where id = $1", [job]);
    const [run] = await lane.db.sql<{ id: string }>("select corral.enqueue_run('aggregate', $1) as id", [String(job)]);
    expect(await (await lane.launch(run?.id ?? "", "aggregate")).exit).toMatchObject({ code: 0 });
    const { final_result_url } = { ...(await readJob(job)) };
    const rows = Array.from({ length: tasks }, (_, index) => `${(job * 10_000_000 + index + 1) % objects}\n`);
    expect(String(await download(final_result_url))).toBe(`n\n${rows.join("")}`);
  });

  it("leaves the job complete without a result when there is nothing to aggregate", async () => {
    const { job, run } = await finishJob("auto", "plot.png", [{ content: Buffer.from("89504e47", "hex") }]);
    expect(await (await lane.launch(run, "aggregate")).exit).toMatchObject({ code: 0 });
    expect(await readJob(job)).toMatchObject({
      status: "COMPLETED",
      final_result_url: null,
      result_details: { mode: "none", reason: "the result of task 1 is neither a table nor a model" },
    });
  });

  it("leaves the job complete with the reason when an aggregation cannot be done", async () => {
    const { job, run } = await finishJob("fedavg", "model.pth", [
      { content: await weights(1) },
      { content: readFileSync(new URL("fixtures/module.pth", import.meta.url)) },
    ]);
    expect(await (await lane.launch(run, "aggregate")).exit).toMatchObject({ code: 1 });
    expect(await lane.readRun(run)).toMatchObject({ state: "failed", error_code: "unsafe_pickle" });
    expect(await readJob(job)).toMatchObject({
      status: "COMPLETED",
      final_result_url: null,
      error_code: "unsafe_pickle",
      error_message: expect.stringContaining(
        "Its results were not aggregated: Cannot average task 2: its pickle names",
      ),
    });
  });

  it("gives the run back when it is told to stop, and another container begins again", async () => {
    const { job, run } = await finishJob("concat", "out.csv", [{ content: Buffer.from("a,b\n1,2\n") }]);
    const silent = await startSilence();
    const stopped = await lane.launch(run, "aggregate", { STORAGE_ENDPOINT: silent.url });
    await silent.asked;
    stopped.child.kill("SIGTERM");
    expect(await stopped.exit).toMatchObject({ code: 143 });
    expect(await lane.readRun(run)).toMatchObject({ state: "queued" });
    await silent.close();
    const next = await lane.launch(run, "aggregate");
    expect(await next.exit).toMatchObject({ code: 0 });
    expect(await readJob(job)).toMatchObject({ status: "COMPLETED", error_code: null });
  });

  it("stops when its job is cancelled, and writes nothing", async () => {
    const { job, run } = await finishJob("concat", "out.csv", [{ content: Buffer.from("a,b\n1,2\n") }]);
    const silent = await startSilence();
    const container = await lane.launch(run, "aggregate", { STORAGE_ENDPOINT: silent.url });
    await silent.asked;
    await lane.db.sql("select * from public.control_job($1, 'cancel', null, true)", [job]);
    expect(await container.exit).toMatchObject({ code: 0 });
    expect(container.lines).toContain("stopped: Error: the run was cancelled or given to another attempt");
    expect((await lane.bucket.getFiles({ prefix: `jobs/${job}/final/` }))[0]).toEqual([]);
    await silent.close();
  });
});

/** A server that hears requests and never answers. */
async function startSilence() {
  let hear = () => {};
  const asked = new Promise<void>((resolve) => {
    hear = resolve;
  });
  const server = createServer(() => hear());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

const MIB = 1024 * 1024;

/** The most memory that a process held, in bytes, as Linux last told before its end. */
async function watchMemory({ child, exit }: JobProcess): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => {
    // Between its end and the end's notice a process has no memory to tell of.
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
    peak = Math.max(peak, Number(kilobytes ?? 0) * 1024);
  }, 20);
  child.once("exit", () => clearInterval(timer));
  expect(await exit).toMatchObject({ code: 0 });
  return peak;
}

describe.runIf(process.platform === "linux")("the memory of an aggregation", () => {
  const large = (mebibytes: number) =>
    safetensorsFile(
      { w: { dtype: "F32", shape: [mebibytes * 256 * 1024], data_offsets: [0, mebibytes * MIB] } },
      Buffer.alloc(mebibytes * MIB, 1),
    );

  it.each([
    [2, 16],
    [10, 16],
    [2, 80],
  ])("stays under 256 MiB for %d models of %d MiB", async (count, mebibytes) => {
    const content = large(mebibytes);
    const { run } = await finishJob(
      "fedavg",
      "model.safetensors",
      Array.from({ length: count }, () => ({ content })),
    );
    const peak = await watchMemory(await lane.launch(run, "aggregate"));
    expect(peak).toBeGreaterThan(32 * MIB);
    expect(peak).toBeLessThan(256 * MIB);
  });
});
