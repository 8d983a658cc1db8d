import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addAgent, addJob, requestTask } from "../db/fleet-scene.ts";
import { firstOf } from "../db/scene.ts";
import { startFunctions } from "./start-functions.ts";

type User = { id: string; token: string };
let functions: Awaited<ReturnType<typeof startFunctions>>;
beforeAll(async () => {
  functions = await startFunctions();
});
afterAll(() => functions.close());

const setOpenEnrollment = (open: boolean) =>
  functions.db.sql("update corral.settings set open_enrollment = $1", [open]);

/** What somebody has: a job under way, with a file in the bucket and an agent that holds a task. */
async function addHolding(user: User) {
  const tags = [randomUUID()];
  const email = `${user.id}@example.org`;
  await setOpenEnrollment(true);
  const agent = await addAgent(functions.db, { email, tags });
  const { id: job } = await addJob(functions.db, 2, { user_id: user.id, tags, title: `The job of ${user.id}` });
  const { task_id: task } = await requestTask(functions.db, agent);
  await setOpenEnrollment(false);
  const file = `jobs/${job}/data/data.csv`;
  await functions.bucket.file(file).save(`the data of ${user.id}`);
  return { user, job, task: Number(task), agent, file };
}

/** All rows about a job, to be compared. */
const stateOf = async (job: number) =>
  functions.db.sql(
    `select to_jsonb(j) as row from corral.jobs j where id = $1
     union all select to_jsonb(t) from corral.tasks t where corral.job_of(t.id) = $1`,
    [job],
  );

describe("two owners who try everything on each other's ids get nothing", () => {
  let ada: Awaited<ReturnType<typeof addHolding>>;
  let eve: Awaited<ReturnType<typeof addHolding>>;
  beforeAll(async () => {
    const users = [await functions.createUser(), await functions.createUser()] as const;
    ada = await addHolding(users[0]);
    eve = await addHolding(users[1]);
  });

  /** What each may try on the other's: method, path and body, and the statuses that say no. */
  const tries = (mine: typeof ada, theirs: typeof ada): [method: string, path: string, body: unknown, no: number][] => [
    ["GET", `/jobs/${theirs.job}`, undefined, 404],
    ["GET", `/jobs/download/${theirs.job}`, undefined, 403],
    ["GET", `/jobs/download/${theirs.job}?user_id=${theirs.user.id}`, undefined, 403],
    ["GET", `/jobs/download/${theirs.job}?user_id=${mine.user.id}`, undefined, 403],
    ["POST", `/jobs/${theirs.job}/cancel`, undefined, 404],
    ["POST", `/jobs/${theirs.job}/pause`, undefined, 404],
    ["POST", `/jobs/${theirs.job}/resume`, undefined, 404],
    ["POST", `/jobs/${theirs.job}/retry_failed`, undefined, 404],
    ["POST", "/jobs", { ...WISHES, data_url: `gs://bucket/${theirs.file}` }, 403],
    ["POST", "/jobs", { ...WISHES, code_url: `gs://bucket/${theirs.file}` }, 403],
    ["POST", "/jobs", { ...WISHES, requirements_url: `https://storage.googleapis.com/bucket/${theirs.file}` }, 403],
    ["POST", "/jobs", { ...WISHES, user_id: theirs.user.id }, 404],
    ["POST", "/jobs/upload", toForm({ title: "mine", user_id: theirs.user.id }), 404],
  ];

  test("neither as users", async () => {
    for (const [mine, theirs] of [
      [ada, eve],
      [eve, ada],
    ] as const) {
      const before = await stateOf(theirs.job);
      for (const [method, path, body, no] of tries(mine, theirs)) {
        const reply = await functions.call(path, { method, body, token: mine.user.token });
        expect.soft(reply.status, `${method} ${path} ${JSON.stringify(body)}`).toBe(no);
        expect.soft(JSON.stringify(reply.body), path).not.toMatch(new RegExp(`data of|The job of|${theirs.agent}`));
      }
      expect(await stateOf(theirs.job)).toEqual(before);
      expect((await functions.call(`/jobs/list/${theirs.user.id}`, { token: mine.user.token })).body).toEqual([]);
      const own = await functions.call(`/jobs/list/${mine.user.id}`, { token: mine.user.token });
      expect(own.body.map(({ id }: { id: number }) => id)).toEqual([mine.job]);
    }
  });

  test("nor without a token, where enrollment is closed", async () => {
    const before = await stateOf(eve.job);
    for (const [method, path, body] of tries(ada, eve)) {
      expect.soft((await functions.call(path, { method, body })).status, `${method} ${path}`).toBe(401);
    }
    expect((await functions.call(`/jobs/list/${eve.user.id}`)).body).toEqual([]);
    expect(await stateOf(eve.job)).toEqual(before);
  });

  test("nor without a token in open enrollment: what was made with one stays its owner's", async () => {
    await setOpenEnrollment(true);
    const before = await stateOf(eve.job);
    const strangers = tries(ada, eve).filter(([, , body]) => body === undefined);
    for (const [method, path, body, no] of strangers) {
      expect.soft((await functions.call(path, { method, body })).status, `${method} ${path}`).toBe(no);
    }
    const data_url = `gs://bucket/${eve.file}`;
    expect((await functions.call("/jobs", { method: "POST", body: { ...WISHES, data_url } })).status).toBe(403);
    expect((await functions.call(`/jobs/list/${eve.user.id}`)).body).toEqual([]);
    expect(await stateOf(eve.job)).toEqual(before);
    await setOpenEnrollment(false);
  });

  test("nor as agents on each other's tasks", async () => {
    await setOpenEnrollment(true);
    const before = await stateOf(eve.job);
    const result_url = "https://example.org/forged.csv";
    const named = { agent_id: ada.agent, task_id: eve.task };
    for (const [path, more] of [
      ["complete_task", { result_url }],
      ["fail_task", { reason: "forged" }],
      ["upload_url", {}],
      ["complete_task", { result_url, attempt: 1 }],
    ] as const) {
      const reply = await functions.call(`/agent/${path}`, { method: "POST", body: { ...named, ...more } });
      expect.soft(reply, path).toMatchObject({ status: 400, body: { detail: "This task was not assigned to you" } });
    }
    expect(await stateOf(eve.job)).toEqual(before);
    await setOpenEnrollment(false);
  });

  test("nor put another's file into their own job by its upload", async () => {
    const files = { file_code: "gs://bucket/x", file_req: `gs://bucket/${eve.file}`, file_data: eve.file };
    const form = toForm({ title: "mine", user_id: ada.user.id });
    for (const [name, value] of Object.entries(files)) form.set(name, value);
    const reply = await functions.call("/jobs/upload", { method: "POST", body: form, token: ada.user.token });
    expect(reply.status).toBe(422);
  });

  test("and each can have all of it of his own", async () => {
    for (const { user, job, file } of [ada, eve]) {
      const { token } = user;
      expect((await functions.call(`/jobs/${job}`, { token })).body).toMatchObject({ id: job, user_id: user.id });
      expect((await functions.call(`/jobs/download/${job}?user_id=${user.id}`, { token })).status).toBe(200);
      const body = { ...WISHES, data_url: `gs://bucket/${file}` };
      const { status, body: made } = await functions.call("/jobs", { method: "POST", body, token });
      expect(status).toBe(201);
      const { body: read } = await functions.call(`/jobs/${made.job_id}`, { token });
      expect(await (await fetch(read.original_data_url)).text()).toBe(`the data of ${user.id}`);
      expect((await functions.call(`/jobs/${job}/cancel`, { method: "POST", token })).status).toBe(200);
    }
  });

  test("an admin reaches both", async () => {
    const { token } = await functions.createUser({ corral_role: "admin" });
    for (const { user, job } of [ada, eve]) {
      expect((await functions.call(`/jobs/${job}`, { token })).status).toBe(200);
      const { body } = await functions.call(`/jobs/list/${user.id}`, { token });
      expect(body.map(({ id }: { id: number }) => id)).toContain(job);
    }
  });
});

test("jobs that were made without a token are for those without one, in open enrollment only", async () => {
  const user = await functions.createUser();
  await setOpenEnrollment(true);
  const { body } = await functions.call("/jobs/upload", {
    method: "POST",
    body: toForm({ title: "open", user_id: user.id }),
  });
  const path = `/jobs/${body.job_id}`;
  expect((await functions.call(path)).status).toBe(200);
  expect((await functions.call(path, { token: user.token })).status).toBe(200);
  expect((await functions.call(`/jobs/list/${user.id}`)).body).toHaveLength(1);
  const stranger = await functions.createUser();
  expect((await functions.call(path, { token: stranger.token })).status).toBe(404);
  await setOpenEnrollment(false);
  expect((await functions.call(path)).status).toBe(401);
  expect((await functions.call(path, { token: user.token })).status).toBe(200);
  const { open } = firstOf(
    await functions.db.sql("select is_open as open from corral.jobs where id = $1", [body.job_id]),
  );
  expect(open).toBe(true);
});

const WISHES = { title: "mine", data_url: "https://example.org/rain.csv", code_url: "https://example.org/train.py" };

function toForm(fields: Record<string, string>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file_code", new File(["print()"], "train.py"));
  form.append("file_req", new File([], "requirements.txt"));
  form.append("file_data", new File(["a\n1\n"], "data.csv"));
  return form;
}
