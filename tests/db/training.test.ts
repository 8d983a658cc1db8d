import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import {
  addAgent,
  cancelAllJobs,
  claimTask,
  completeTasks,
  openEnrollment,
  requestTask,
  settleJob,
  splitJob,
  sweepTasks,
} from "./fleet-scene.ts";
import { addProject, addRunningProject, call, firstOf, PUBLISH, runOf, statusOf } from "./scene.ts";
import { addTrainable, jobsOf, setMetadata, setStatus } from "./training-scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const code_url = "https://example.com/train.py";
describe("a project in pending_training with metadata.training", () => {
  test("becomes a job of its owner's, with all that the training says", async () => {
    const { id, owner } = await addTrainable(db, {
      training: {
        code_url,
        requirements_url: "https://example.com/r.txt",
        data_file: "weather.csv",
        chunks: 8,
        max_attempts: 2,
        task_timeout_seconds: 60,
        priority: -3,
        ram: "8 GB",
        gpu_model: "any",
        tags: ["cuda"],
        aggregate: "fedavg",
      },
    });
    expect(await jobsOf(db, id)).toEqual([]);
    await setStatus(db, id, "pending_training");
    const [job, ...more] = await jobsOf(db, id);
    expect(more).toEqual([]);
    expect(job).toMatchObject({
      owner_id: owner,
      is_open: false,
      title: "Rain",
      status: "PROCESSING",
      is_draft: false,
      data_url: `gs://bucket/raw/${id}.zip`,
      data_file: "weather.csv",
      code_url,
      requirements_url: "https://example.com/r.txt",
      chunks: 8,
      max_attempts: 2,
      task_timeout_seconds: 60,
      priority: -3,
      aggregate: "fedavg",
    });
    expect(await runOf(db, String(job?.id))).toMatchObject({ kind: "split", state: "queued" });
    expect(await statusOf(db, id)).toBe("pending_training");
  });

  test("does so when its dataset arrives", async () => {
    const { id, run, attempt } = await addRunningProject(db, { metadata: { training: { code_url } } });
    await db.sql(`select ${PUBLISH}`, [run, attempt]);
    expect(await jobsOf(db, id)).toMatchObject([{ data_url: "gs://bucket/raw/vega_seattle-weather_v3.zip" }]);
  });

  test("does so when it is made like that, and when it gets its training there", async () => {
    const { id } = await addTrainable(db, {});
    await setStatus(db, id, "pending_training");
    expect(await jobsOf(db, id)).toEqual([]);
    await setMetadata(db, id, { training: { code_url } });
    expect(await jobsOf(db, id)).toHaveLength(1);
    const { id: made } = await addProject(db, { status: "pending_training", metadata: { training: { code_url } } });
    expect(await statusOf(db, made)).toBe("failed");
  });

  test("does so once, whatever else changes while the job goes on, and again when it is over", async () => {
    const { id } = await addTrainable(db, { training: { code_url } });
    await setStatus(db, id, "pending_training");
    await setMetadata(db, id, { training: { code_url, chunks: 2 } });
    await setMetadata(db, id, { training: { code_url, chunks: 2 }, note: "x" });
    await setStatus(db, id, "draft");
    await setStatus(db, id, "pending_training");
    expect(await jobsOf(db, id)).toHaveLength(1);
    await cancelAllJobs(db);
    await setMetadata(db, id, { training: { code_url, chunks: 2 }, note: "y" });
    expect(await jobsOf(db, id)).toHaveLength(1);
    await setMetadata(db, id, { training: { code_url, chunks: 3 } });
    expect(await jobsOf(db, id)).toMatchObject([{}, { chunks: 3 }]);
  });

  test("has a title of its own where the training says so, else as much of the project's as a title holds", async () => {
    const titled = async (name: string, title?: string) => {
      const { id } = await addTrainable(db, { training: { code_url, title } });
      await db.sql("update public.projects set name = $2, status = 'pending_training' where id = $1", [id, name]);
      return (await jobsOf(db, id)).map((job) => job.title);
    };
    expect(await titled("Rain", "Sun")).toEqual(["Sun"]);
    expect(await titled("Rain")).toEqual(["Rain"]);
    expect(await titled("r".repeat(20_000))).toEqual(["r".repeat(256)]);
    expect(await titled("")).toEqual(["Training"]);
  });

  test("that nobody owns becomes a job that callers without a token see", async () => {
    const { id } = await addTrainable(db, { training: { code_url } }, null);
    await setStatus(db, id, "pending_training");
    expect(await jobsOf(db, id)).toMatchObject([{ owner_id: null, is_open: true }]);
  });

  test("is left alone without a training, and outside pending_training", async () => {
    const { id } = await addTrainable(db, { training: { code_url } });
    await setMetadata(db, id, { training: { code_url, chunks: 2 } });
    await setStatus(db, id, "training");
    const { id: plain } = await addTrainable(db, { other: 1 });
    await setStatus(db, plain, "pending_training");
    expect([await jobsOf(db, id), await jobsOf(db, plain)]).toEqual([[], []]);
    expect(await statusOf(db, plain)).toBe("pending_training");
  });
});

describe("the first claim of a project's job", () => {
  async function addTraining(tasks = 3): Promise<{ id: string; owner: string | null; job: number }> {
    const project = await addTrainable(db, { training: { code_url } });
    await setStatus(db, project.id, "pending_training");
    const job = Number(firstOf(await jobsOf(db, project.id)).id);
    await splitJob(db, job, tasks);
    return { ...project, job };
  }
  const isPending = (job: number) =>
    call(db, "(select first_claim_pending from corral.queue where job_id = $1)", [job]);
  const hold = async (lock: string, key: unknown) => {
    const client = await db.connect();
    await client.query("begin");
    await client.query(lock, [key]);
    return () => client.query("commit");
  };

  test("sets the project to training, and the end of the job to completed", async () => {
    const { id, job } = await addTraining(1);
    expect(await statusOf(db, id)).toBe("pending_training");
    expect(await isPending(job)).toBe(true);
    await completeTasks(db, 1);
    expect(await statusOf(db, id)).toBe("training");
    expect(await isPending(job)).toBe(false);
    await settleJob(db, job);
    expect(await statusOf(db, id)).toBe("completed");
  });

  test("changes nothing about a project that is elsewhere by now", async () => {
    const { id, job } = await addTraining();
    await setStatus(db, id, "draft");
    await claimTask(db);
    expect(await statusOf(db, id)).toBe("draft");
    expect(await isPending(job)).toBe(false);
  });

  test("is the first only once: a project that is set back stays there", async () => {
    const { id } = await addTraining();
    await claimTask(db);
    await setStatus(db, id, "pending_training");
    await claimTask(db);
    expect(await statusOf(db, id)).toBe("pending_training");
  });

  test.each([
    ["project", "select from public.projects where id = $1 for update", (all: Row) => all.id],
    ["owner", "select from public.users where id = $1 for update", (all: Row) => all.owner],
    ["job's place in the queue", "select from corral.queue where job_id = $1 for update", (all: Row) => all.job],
  ])("waits for nobody who holds the %s; the sweep does it then", async (_, lock, keyOf) => {
    const all = await addTraining();
    const release = await hold(lock, keyOf({ ...all }));
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "assigned" });
    await release();
    expect(await statusOf(db, all.id)).toBe("pending_training");
    await sweepTasks(db);
    expect(await statusOf(db, all.id)).toBe("training");
  });

  test("is what the sweep waits for: before it, the project is not training", async () => {
    const { id } = await addTraining();
    await sweepTasks(db);
    expect(await statusOf(db, id)).toBe("pending_training");
  });

  test("of a job without a project is noted nowhere", async () => {
    const { id, job } = await addTraining();
    await db.sql("delete from public.projects where id = $1", [id]);
    await claimTask(db);
    expect(await isPending(job)).toBe(false);
  });
});
