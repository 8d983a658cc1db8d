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
import { addProject, addRunningProject, addUser, call, firstOf, PUBLISH, runOf, statusOf } from "./scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const code_url = "https://example.com/train.py";
const jobsOf = (project: string) => db.sql("select * from corral.jobs where project_id = $1 order by id", [project]);
const setStatus = (project: string, status: string) =>
  db.sql("update public.projects set status = $2 where id = $1", [project, status]);
const setMetadata = (project: string, metadata: unknown) =>
  db.sql("update public.projects set metadata = $2 where id = $1", [project, JSON.stringify(metadata)]);

/** A project with a dataset, still a draft. */
async function addTrainable(metadata: unknown, owner?: string | null) {
  const project = await addProject(db, { metadata, ...(owner === undefined ? {} : { user_id: owner }) });
  await db.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, 'a/b', $2)", [
    project.id,
    `gs://bucket/raw/${project.id}.zip`,
  ]);
  return project;
}
/** What the owner of such a project reads when it enters pending_training. */
async function faultOf(training: unknown): Promise<unknown> {
  const { id, owner } = await addTrainable({ training });
  await setStatus(id, "pending_training");
  if ((await statusOf(db, id)) === "pending_training") return null;
  expect(await statusOf(db, id)).toBe("failed");
  expect(await jobsOf(id)).toEqual([]);
  const [log] = await db.sql("select agent_name, log_level, message from public.agent_logs where project_id = $1", [
    id,
  ]);
  const { content } = firstOf(
    await db.sql<{ content: string }>("select content from public.messages where user_id = $1", [owner]),
  );
  expect(log).toEqual({ agent_name: "compute", log_level: "error", message: expect.any(String) });
  expect(content).toBe(`Your project's training cannot start: ${String(log?.message).split("start: ")[1]}`);
  return String(log?.message).replace("The training cannot start: ", "");
}

describe("a project in pending_training with metadata.training", () => {
  test("becomes a job of its owner's, with all that the training says", async () => {
    const { id, owner } = await addTrainable({
      training: {
        code_url,
        requirements_url: "https://example.com/r.txt",
        data_file: "weather.csv",
        chunks: 8,
        max_attempts: 2,
        task_timeout_seconds: 60,
        priority: -3,
        ram_gb: 8,
        gpu_model: "any",
        tags: ["cuda"],
        aggregate: "fedavg",
      },
    });
    expect(await jobsOf(id)).toEqual([]);
    await setStatus(id, "pending_training");
    const [job, ...more] = await jobsOf(id);
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
    expect(await jobsOf(id)).toMatchObject([{ data_url: "gs://bucket/raw/vega_seattle-weather_v3.zip" }]);
  });

  test("does so when it is made like that, and when it gets its training there", async () => {
    const { id } = await addTrainable({});
    await setStatus(id, "pending_training");
    expect(await jobsOf(id)).toEqual([]);
    await setMetadata(id, { training: { code_url } });
    expect(await jobsOf(id)).toHaveLength(1);
    const { id: made } = await addProject(db, { status: "pending_training", metadata: { training: { code_url } } });
    expect(await statusOf(db, made)).toBe("failed");
  });

  test("does so once, whatever else changes while the job goes on, and again when it is over", async () => {
    const { id } = await addTrainable({ training: { code_url } });
    await setStatus(id, "pending_training");
    await setMetadata(id, { training: { code_url, chunks: 2 } });
    await setMetadata(id, { training: { code_url, chunks: 2 }, note: "x" });
    await setStatus(id, "draft");
    await setStatus(id, "pending_training");
    expect(await jobsOf(id)).toHaveLength(1);
    await cancelAllJobs(db);
    await setMetadata(id, { training: { code_url, chunks: 2 }, note: "y" });
    expect(await jobsOf(id)).toHaveLength(1);
    await setMetadata(id, { training: { code_url, chunks: 3 } });
    expect(await jobsOf(id)).toMatchObject([{}, { chunks: 3 }]);
  });

  test("has a title of its own where the training says so, and no data but the project's", async () => {
    const { id } = await addTrainable({
      training: {
        code_url,
        title: "Sun",
        data_url: "https://example.com/x.csv",
        draft: true,
        idempotency_key: "k",
        tags: null,
      },
    });
    await setStatus(id, "pending_training");
    expect(await jobsOf(id)).toMatchObject([
      { title: "Sun", data_url: `gs://bucket/raw/${id}.zip`, is_draft: false, idempotency_key: null },
    ]);
  });

  test("that nobody owns becomes a job that callers without a token see", async () => {
    const { id } = await addTrainable({ training: { code_url } }, null);
    await setStatus(id, "pending_training");
    expect(await jobsOf(id)).toMatchObject([{ owner_id: null, is_open: true }]);
  });

  test("is left alone without a training, and outside pending_training", async () => {
    const { id } = await addTrainable({ training: { code_url } });
    await setMetadata(id, { training: { code_url, chunks: 2 } });
    await setStatus(id, "training");
    const { id: plain } = await addTrainable({ other: 1 });
    await setStatus(plain, "pending_training");
    expect([await jobsOf(id), await jobsOf(plain)]).toEqual([[], []]);
    expect(await statusOf(db, plain)).toBe("pending_training");
  });
});

describe("a training that makes no sense", () => {
  const whole = (field: string, from: number, to: number) =>
    `metadata.training.${field} is no whole number from ${from} to ${to}.`;

  test.each<[unknown, string]>([
    [[], "metadata.training is no JSON object."],
    ["train.py", "metadata.training is no JSON object."],
    [null, "metadata.training is no JSON object."],
    [{}, "metadata.training.code_url is missing: it says where the agents find the code."],
    [{ code_url: "" }, "metadata.training.code_url is missing: it says where the agents find the code."],
    [{ code_url: 5 }, "metadata.training.code_url is missing: it says where the agents find the code."],
    [{ code_url, aggregate: "sum" }, "metadata.training.aggregate is none of none, concat, fedavg, auto."],
    [{ code_url, title: 5 }, "metadata.training.title is no text."],
    [{ code_url, requirements_url: {} }, "metadata.training.requirements_url is no text."],
    [{ code_url, data_file: [] }, "metadata.training.data_file is no text."],
    [{ code_url, swarm: 1 }, "metadata.training.swarm is no text."],
    [{ code_url, gpu_model: true }, "metadata.training.gpu_model is no text."],
    [{ code_url, chunks: 0 }, whole("chunks", 1, 9999999)],
    [{ code_url, chunks: "8" }, whole("chunks", 1, 9999999)],
    [{ code_url, chunks: 1.5 }, whole("chunks", 1, 9999999)],
    [{ code_url, rows_per_chunk: 1e13 }, whole("rows_per_chunk", 1, 1e12)],
    [{ code_url, max_attempts: 101 }, whole("max_attempts", 1, 100)],
    [{ code_url, task_timeout_seconds: 0 }, whole("task_timeout_seconds", 1, 604800)],
    [{ code_url, priority: -101 }, whole("priority", -100, 100)],
    [{ code_url, ram_gb: "8 GB" }, "metadata.training.ram_gb is no number."],
    [{ code_url, tags: "cuda" }, "metadata.training.tags is no list of texts."],
    [{ code_url, tags: [["a"], "b"] }, "metadata.training.tags is no list of texts."],
    [{ code_url, swarm: "nowhere" }, "metadata.training.swarm is no swarm."],
  ])("fails the project, whose owner reads why: %j", async (training, fault) => {
    expect(await faultOf(training)).toBe(fault);
  });

  test("is not one whose fields are left out, by null or altogether", async () => {
    const fields = ["title", "requirements_url", "swarm", "chunks", "priority", "ram_gb", "tags", "aggregate"];
    expect(await faultOf({ code_url, ...Object.fromEntries(fields.map((field) => [field, null])) })).toBeNull();
    expect(await faultOf({ code_url, chunks: 9999999, priority: -100, tags: [], aggregate: "auto" })).toBeNull();
  });

  test("is one whose numbers are whole but not written so, as no number of a job could be", async () => {
    const { id } = await addTrainable({});
    await db.sql(
      `update public.projects set status = 'pending_training',
              metadata = jsonb_build_object('training', jsonb_build_object('code_url', 'x', 'chunks', 5.0)) where id = $1`,
      [id],
    );
    expect(await statusOf(db, id)).toBe("failed");
  });

  test("is one whose project has no dataset", async () => {
    const { id } = await addProject(db, { status: "pending_training", metadata: { training: { code_url } } });
    expect(await db.sql("select message from public.agent_logs where project_id = $1", [id])).toEqual([
      { message: "The training cannot start: it has no dataset." },
    ]);
  });

  test.each(["code_url", "requirements_url"])("is one whose %s is another's object", async (field) => {
    const { id: others } = await addTrainable({});
    expect(await faultOf({ code_url, [field]: `gs://bucket/raw/${others}.zip` })).toBe(
      "metadata.training names an object of the bucket that is not the project owner's.",
    );
  });

  test("is one for a swarm that is another's", async () => {
    const other = await addUser(db);
    await db.sql("select corral.create_swarm('guarded', $1)", [other]);
    expect(await faultOf({ code_url, swarm: "guarded" })).toBe("metadata.training.swarm is no swarm.");
    const { id } = await addTrainable({ training: { code_url, swarm: "guarded" } }, null);
    await setStatus(id, "pending_training");
    expect(await jobsOf(id)).toEqual([]);
    const own = await addTrainable({ training: { code_url, swarm: "guarded" } }, other);
    await setStatus(own.id, "pending_training");
    expect(await jobsOf(own.id)).toHaveLength(1);
  });
});

describe("the first claim of a project's job", () => {
  async function addTraining(tasks = 3): Promise<{ id: string; owner: string | null; job: number }> {
    const project = await addTrainable({ training: { code_url } });
    await setStatus(project.id, "pending_training");
    const job = Number(firstOf(await jobsOf(project.id)).id);
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
    await setStatus(id, "draft");
    await claimTask(db);
    expect(await statusOf(db, id)).toBe("draft");
    expect(await isPending(job)).toBe(false);
  });

  test("is the first only once: a project that is set back stays there", async () => {
    const { id } = await addTraining();
    await claimTask(db);
    await setStatus(id, "pending_training");
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
