import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addJob, hashOf, jobOf, taskOf } from "../db/fleet-scene.ts";
import { addUser } from "../db/scene.ts";
import { startFunctions } from "./start-functions.ts";

let functions: Awaited<ReturnType<typeof startFunctions>>;
beforeAll(async () => {
  functions = await startFunctions();
  await setOpenEnrollment(true);
});
afterAll(() => functions.close());

const setOpenEnrollment = (open: boolean) =>
  functions.db.sql("update corral.settings set open_enrollment = $1", [open]);

const post = (path: string, body: unknown, token?: string) =>
  functions.call(`/agent/${path}`, { method: "POST", body, token });

/** Registers an agent of a new owner; its tags keep it to jobs that ask for them. */
async function addAgent(wishes: Record<string, unknown> = {}, token?: string) {
  const id = `agent-${randomUUID()}`;
  const email = `${randomUUID()}@example.com`;
  await addUser(functions.db, email);
  const { status, body } = await post("register", { id, email, ...wishes }, token);
  expect(status).toBe(200);
  return { id, email, token: String(body.agent_token) };
}

/** An agent and a job that nobody else's agents can do. */
async function addWork(tasks: number, spec: Record<string, unknown> = {}, wishes: Record<string, unknown> = {}) {
  const tags = [randomUUID()];
  const agent = await addAgent({ tags, ...wishes });
  const job = await addJob(functions.db, tasks, { tags, ...spec });
  return { agent: agent.id, job: job.id };
}

const timing = { server_time: expect.stringMatching(/^\d{4}-.*T.*Z$/), poll_after_seconds: expect.any(Number) };
const NO_TASK = { task_id: null, job_id: null, code_url: null, requirements_url: null, chunk_data_url: null };

describe("POST /agent/register", () => {
  test("answers in the seed's words, and gives a token once", async () => {
    const id = randomUUID();
    const email = `${randomUUID()}@example.com`;
    await addUser(functions.db, email);
    const machine = { id, email, gpu_model: "NVIDIA RTX 4090", ram_total: "64GB" };
    const first = await post("register", machine);
    expect(first).toMatchObject({
      status: 200,
      body: { message: `New Agent ${id} registered!`, status: "created", ...timing },
    });
    const token = first.body.agent_token;
    expect(token).toMatch(/^corral_agent_[0-9a-f]{64}$/);
    const again = await post("register", machine, token);
    expect(again.body).toEqual({ message: `Welcome back, Agent ${id}`, status: "linked", ...timing });
    const rows = await functions.db.sql("select to_jsonb(a)::text as row from corral.agents a where id = $1", [id]);
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(JSON.stringify(rows)).toContain(hashOf(token));
  });

  test("finds the owner by an e-mail address in any case and with spaces around", async () => {
    const email = `${randomUUID()}@example.com`;
    await addUser(functions.db, email);
    const { status } = await post("register", { id: randomUUID(), email: `  ${email.toUpperCase()} ` });
    expect(status).toBe(200);
  });

  test("answers 404 in the seed's words for an e-mail address that nobody has", async () => {
    expect(await post("register", { id: "x", email: "nobody@example.com" })).toMatchObject({
      status: 404,
      body: { detail: "Owner email not found. Please register on the website first.", code: "owner_not_found" },
    });
  });

  test("refuses an id that somebody else holds", async () => {
    const { id } = await addAgent();
    const email = `${randomUUID()}@example.com`;
    await addUser(functions.db, email);
    expect(await post("register", { id, email })).toMatchObject({ status: 409, body: { code: "agent_conflict" } });
  });

  test("refuses an agent without its token, once it has shown it", async () => {
    const { id, email, token } = await addAgent();
    expect((await post("heartbeat", { id, status: "IDLE" }, token)).status).toBe(200);
    expect((await post("heartbeat", { id, status: "IDLE" })).status).toBe(401);
    expect((await post("register", { id, email })).status).toBe(409);
    expect((await post("register", { id, email }, token)).status).toBe(200);
  });

  test("is for holders of a swarm token where enrollment is closed", async () => {
    const [row] = await functions.db.sql<{ token: string }>("select corral.issue_swarm_token('lab') as token");
    const { email } = await addAgent();
    const enrol = (token?: string) => post("register", { id: `lab-${randomUUID()}`, email }, token);
    await setOpenEnrollment(false);
    expect(await enrol()).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    expect((await enrol("nonsense")).status).toBe(401);
    expect((await enrol(functions.keys.anonKey)).status).toBe(401);
    const enrolled = await enrol(row?.token);
    expect(enrolled.body).toMatchObject({ status: "created", agent_token: expect.any(String) });
    await setOpenEnrollment(true);
  });

  test.for([
    ["64GB", 64],
    ["65536 MB", 64],
    [128, 128],
  ] as const)("takes %j of memory for what a job needs", async ([ram_total, gb]) => {
    const { id } = await addAgent({ ram_total });
    const claim = async (ram_gb: number) => {
      const job = await addJob(functions.db, 1, { ram_gb });
      const { body } = await post("request_task", { agent_id: id });
      await functions.db.sql("select public.control_job($1, 'cancel', null, true)", [job.id]);
      return body.job_id === job.id;
    };
    expect(await claim(gb + 1)).toBe(false);
    expect(await claim(gb)).toBe(true);
  });

  test("takes any words for memory, and fields that it does not know", async () => {
    await addAgent({ ram_total: "plenty", gpu_model: null, tags: null, favourite_colour: "grün" });
  });

  test.for<[string, object, object]>([
    ["no id", { email: "a@b.c" }, { loc: ["body", "id"], type: "missing" }],
    ["an empty id", { id: "", email: "a@b.c" }, { loc: ["body", "id"], type: "string_too_short" }],
    ["a long id", { id: "x".repeat(129), email: "a@b.c" }, { loc: ["body", "id"], type: "string_too_long" }],
    ["a NUL", { id: "a\u0000b", email: "a@b.c" }, { loc: ["body", "id"], type: "string_pattern_mismatch" }],
    ["half a character", { id: "x", email: "a\ud800" }, { loc: ["body", "email"], type: "string_pattern_mismatch" }],
    ["no e-mail address", { id: "x" }, { loc: ["body", "email"], type: "missing" }],
    ["17 tags", { id: "x", email: "a@b.c", tags: Array(17).fill("t") }, { loc: ["body", "tags"] }],
    [
      "a beat that is too rare",
      { id: "x", email: "a@b.c", heartbeat_interval_seconds: 3601 },
      { loc: ["body", "heartbeat_interval_seconds"] },
    ],
  ])("answers 422 to %s", async ([, body, fault]) => {
    const reply = await post("register", body);
    expect(reply.status).toBe(422);
    expect(reply.body.detail).toEqual([expect.objectContaining(fault)]);
  });
});

describe("POST /agent/heartbeat", () => {
  test("answers in the seed's words, whatever the agent is called", async () => {
    const { email } = await addAgent();
    const id = "агент 🤖 'x\" --";
    await post("register", { id, email });
    for (const status of ["IDLE", "BUSY", "WORKING", "OFFLINE"]) {
      expect(await post("heartbeat", { id, status })).toMatchObject({
        status: 200,
        body: { message: "Heartbeat received", stop: [], ...timing },
      });
    }
  });

  test("answers 404 in the seed's words for an agent that is not registered", async () => {
    expect(await post("heartbeat", { id: "nobody", status: "IDLE" })).toMatchObject({
      status: 404,
      body: { detail: "Agent not registered", code: "agent_not_found" },
    });
  });

  test("tells which of the named tasks are no longer the agent's", async () => {
    const { agent, job } = await addWork(2);
    const { task_id } = (await post("request_task", { agent_id: agent })).body;
    const beat = async () =>
      (await post("heartbeat", { id: agent, status: "WORKING", tasks: [{ task_id, attempt: 1 }] })).body.stop;
    expect(await beat()).toEqual([]);
    await functions.db.sql("select public.control_job($1, 'cancel', null, true)", [job]);
    expect(await beat()).toEqual([task_id]);
  });

  test("answers 422 to a status that there is not", async () => {
    const { status, body } = await post("heartbeat", { id: "x", status: "ASLEEP" });
    expect(status).toBe(422);
    expect(body.detail).toEqual([expect.objectContaining({ loc: ["body", "status"] })]);
  });
});

describe("POST /agent/request_task", () => {
  test("answers all nulls when there is no work, and when to ask again", async () => {
    const { id } = await addAgent();
    const { status, body } = await post("request_task", { agent_id: id });
    expect(status).toBe(200);
    expect(body).toMatchObject({ ...NO_TASK, attempt: null, lease_expires_at: null, ...timing });
    expect(body.poll_after_seconds).toBeGreaterThan(1);
  });

  test("hands out a task with its job's files as they are, and the chunk as a URL that can be read", async () => {
    const { agent, job } = await addWork(1, { task_timeout_seconds: 60 });
    await functions.bucket.file(`jobs/${job}/chunks/1.csv`).save("a,b\n1,2\n", { resumable: false });
    const { body } = await post("request_task", { agent_id: agent });
    expect(body).toMatchObject({
      task_id: job * 10_000_000 + 1,
      job_id: job,
      code_url: "https://example.com/train.py",
      requirements_url: null,
      attempt: 1,
      task_timeout_seconds: 60,
      poll_after_seconds: 0,
    });
    expect(Date.parse(body.lease_expires_at)).toBeGreaterThan(Date.now());
    expect(await (await fetch(body.chunk_data_url)).text()).toBe("a,b\n1,2\n");
  });

  test("gives all tasks of a job the same signed URLs of its code, and each its own chunk", async () => {
    const { agent, job } = await addWork(3, { code_url: "gs://bucket/jobs/x/code/train ü.py" });
    await functions.bucket.file("jobs/x/code/train ü.py").save("print()", { resumable: false });
    const bodies = [];
    for (const request_id of ["a", "b", "c"]) {
      bodies.push((await post("request_task", { agent_id: agent, request_id })).body);
    }
    expect(bodies.map((body) => body.job_id)).toEqual([job, job, job]);
    expect(new Set(bodies.map((body) => body.code_url)).size).toBe(1);
    expect(new Set(bodies.map((body) => body.chunk_data_url)).size).toBe(3);
    expect(await (await fetch(bodies[0].code_url)).text()).toBe("print()");
  });

  test("gives a task again whose reply was lost, by the same request id or by none", async () => {
    const { agent } = await addWork(2);
    const ask = async (request_id?: string) => (await post("request_task", { agent_id: agent, request_id })).body;
    const first = await ask("one");
    expect(await ask("one")).toMatchObject({ task_id: first.task_id, attempt: 1 });
    expect(await ask()).toMatchObject({ task_id: first.task_id, attempt: 1 });
    expect((await ask("two")).task_id).not.toBe(first.task_id);
  });

  test("answers 404 in the seed's words for an agent that is not registered", async () => {
    expect(await post("request_task", { agent_id: "nobody" })).toMatchObject({
      status: 404,
      body: { detail: "Agent not registered" },
    });
  });
});

describe("POST /agent/complete_task", () => {
  const request = async (agent_id: string) => (await post("request_task", { agent_id })).body;

  test("answers in the seed's words, the same again, and sees to the end of the job", async () => {
    const { agent, job } = await addWork(2);
    for (let task = 1; task <= 2; task++) {
      const { task_id } = await request(agent);
      const done = { agent_id: agent, task_id, result_url: "https://example.com/results.csv", rows: 7 };
      for (let time = 1; time <= 2; time++) {
        expect(await post("complete_task", done)).toMatchObject({
          status: 200,
          body: { message: "Task marked as completed. Good job!", ...timing },
        });
      }
    }
    await expect.poll(() => jobOf(functions.db, job)).toMatchObject({ status: "COMPLETED", completed_subtasks: 2 });
  });

  test("answers 404 for an unknown task and 400 for another's, in the seed's words", async () => {
    const { agent } = await addWork(1);
    const stranger = await addAgent();
    const { task_id } = await request(agent);
    const complete = (id: string, task: number) =>
      post("complete_task", { agent_id: id, task_id: task, result_url: "https://example.com/r.csv" });
    expect(await complete(agent, 55)).toMatchObject({ status: 404, body: { detail: "Subtask not found" } });
    expect(await complete(stranger.id, task_id)).toMatchObject({
      status: 400,
      body: { detail: "This task was not assigned to you", code: "task_not_assigned" },
    });
    expect((await taskOf(functions.db, task_id)).state).toBe("RUNNING");
  });

  test("takes an empty result, and none", async () => {
    const { agent } = await addWork(3);
    for (const result of [{ result_url: "" }, { result_url: null }, {}]) {
      const { task_id } = await request(agent);
      expect((await post("complete_task", { agent_id: agent, task_id, ...result })).status).toBe(200);
      expect((await taskOf(functions.db, task_id)).result_url).toBeNull();
    }
  });

  test("keeps an object of the bucket by its name, if it is the task's own result", async () => {
    const { agent, job } = await addWork(1);
    const { task_id } = await request(agent);
    const complete = (result_url: string) => post("complete_task", { agent_id: agent, task_id, result_url });
    for (const foreign of [
      "gs://bucket/jobs/1/data/data.csv",
      `gs://bucket/jobs/${job}/chunks/1.csv`,
      `https://storage.googleapis.com/bucket/jobs/${job}/results/${task_id + 1}/1/r.csv`,
      "https://bucket.storage.googleapis.com/raw/secret.zip",
    ]) {
      expect(await complete(foreign)).toMatchObject({ status: 403, body: { code: "result_not_yours" } });
    }
    const object = `jobs/${job}/results/${task_id}/1/r.csv`;
    expect((await complete(`https://storage.googleapis.com/bucket/${object}?X-Goog-Signature=0`)).status).toBe(200);
    expect((await taskOf(functions.db, task_id)).result_url).toBe(`gs://bucket/${object}`);
  });

  test("refuses an attempt that was handed to another since", async () => {
    const { agent } = await addWork(1);
    const { task_id } = await request(agent);
    await post("fail_task", { agent_id: agent, task_id, attempt: 1, reason: "out of memory", give_back: true });
    const again = await request(agent);
    expect(again).toMatchObject({ task_id, attempt: 2 });
    const complete = (attempt: number) =>
      post("complete_task", { agent_id: agent, task_id, attempt, result_url: "https://example.com/r" });
    expect(await complete(1)).toMatchObject({ status: 409, body: { code: "stale_attempt" } });
    expect((await complete(2)).status).toBe(200);
  });

  test("tells that the job was cancelled", async () => {
    const { agent, job } = await addWork(1);
    const { task_id } = await request(agent);
    await functions.db.sql("select public.control_job($1, 'cancel', null, true)", [job]);
    const { status, body } = await post("complete_task", { agent_id: agent, task_id, result_url: "" });
    expect([status, body.code]).toEqual([409, "job_cancelled"]);
  });
});

describe("POST /agent/fail_task", () => {
  test("tries again, then fails for good with the reasons kept, and ends the job", async () => {
    const { agent, job } = await addWork(1, { max_attempts: 1 });
    const { task_id } = (await post("request_task", { agent_id: agent })).body;
    const fail = (more = {}) => post("fail_task", { agent_id: agent, task_id, reason: "no such column: ü", ...more });
    expect(await fail()).toMatchObject({ status: 200, body: { outcome: "failed", message: expect.any(String) } });
    await expect.poll(() => jobOf(functions.db, job)).toMatchObject({ status: "FAILED", failed_subtasks: 1 });
    expect(JSON.stringify((await jobOf(functions.db, job)).failures)).toContain("no such column: ü");
  });

  test("hands a task out again that is given back, without counting a failure", async () => {
    const { agent } = await addWork(1, { max_attempts: 1 });
    for (let attempt = 1; attempt <= 2; attempt++) {
      const { task_id } = (await post("request_task", { agent_id: agent })).body;
      const given = await post("fail_task", { agent_id: agent, task_id, attempt, give_back: true });
      expect(given).toMatchObject({ status: 200, body: { outcome: "returned" } });
    }
  });

  test("answers as a completion does for unknown and for others' tasks", async () => {
    const { agent } = await addWork(1);
    const stranger = await addAgent();
    const { task_id } = (await post("request_task", { agent_id: agent })).body;
    expect(await post("fail_task", { agent_id: agent, task_id: 55 })).toMatchObject({
      status: 404,
      body: { detail: "Subtask not found" },
    });
    expect(await post("fail_task", { agent_id: stranger.id, task_id })).toMatchObject({
      status: 400,
      body: { detail: "This task was not assigned to you" },
    });
  });
});

describe("POST /agent/progress", () => {
  test("notes how far a task is, until it is no longer the agent's", async () => {
    const { agent, job } = await addWork(1);
    const { task_id } = (await post("request_task", { agent_id: agent })).body;
    const report = () => post("progress", { agent_id: agent, task_id, progress: 0.5, message: "epoch 3\nloss 0.1" });
    expect(await report()).toMatchObject({ status: 200, body: { outcome: "continue", ...timing } });
    expect(await taskOf(functions.db, task_id)).toMatchObject({ progress: 0.5, message: "epoch 3\nloss 0.1" });
    await functions.db.sql("select public.control_job($1, 'cancel', null, true)", [job]);
    expect((await report()).body.outcome).toBe("stop");
  });

  test("answers 404 for an unknown task and 422 for more than all", async () => {
    const { id } = await addAgent();
    expect((await post("progress", { agent_id: id, task_id: 55 })).body.detail).toBe("Subtask not found");
    expect((await post("progress", { agent_id: id, task_id: 55, progress: 1.5 })).status).toBe(422);
  });
});

describe("POST /agent/cycle", () => {
  test("completes, beats and claims in one call", async () => {
    const { agent, job } = await addWork(2);
    const cycle = async (more = {}) => (await post("cycle", { agent_id: agent, ...more })).body;
    const first = await cycle({ status: "IDLE" });
    expect(first).toMatchObject({ job_id: job, attempt: 1, completion: null, stop: [], ...timing });
    const complete = { task_id: first.task_id, attempt: 1, result_url: "" };
    const second = await cycle({ complete, tasks: [{ task_id: first.task_id, attempt: 1 }] });
    expect(second).toMatchObject({
      job_id: job,
      completion: { task_id: first.task_id, code: "completed", message: "Task marked as completed. Good job!" },
    });
    expect(second.task_id).not.toBe(first.task_id);
    const last = await cycle({ complete: { task_id: second.task_id }, claim: false });
    expect(last).toMatchObject({ ...NO_TASK, completion: { code: "completed" } });
    await expect.poll(() => jobOf(functions.db, job)).toMatchObject({ status: "COMPLETED" });
  });

  test("tells why a completion was refused, and claims all the same", async () => {
    const { agent, job } = await addWork(1);
    const { status, body } = await post("cycle", { agent_id: agent, complete: { task_id: 55, result_url: "" } });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      job_id: job,
      completion: { task_id: 55, code: "task_not_found", message: "Subtask not found" },
    });
  });

  test("answers 404 for an agent that is not registered", async () => {
    expect(await post("cycle", { agent_id: "nobody" })).toMatchObject({
      status: 404,
      body: { detail: "Agent not registered" },
    });
  });
});

describe("POST /agent/deregister", () => {
  test("gives the agent's tasks back and forgets it", async () => {
    const { agent } = await addWork(1);
    const { task_id } = (await post("request_task", { agent_id: agent })).body;
    expect(await post("deregister", { agent_id: agent })).toMatchObject({
      status: 200,
      body: { message: `Agent ${agent} deregistered`, tasks_returned: 1, ...timing },
    });
    expect((await taskOf(functions.db, task_id)).state).toBe("PENDING");
    expect((await post("heartbeat", { id: agent, status: "IDLE" })).status).toBe(404);
  });
});

describe("the agent API", () => {
  test("serves calls that come at the same moment, each its own outcome", async () => {
    const { agent } = await addWork(20);
    const replies = await Promise.all([
      ...Array.from({ length: 20 }, (_, n) => post("request_task", { agent_id: agent, request_id: `r${n}` })),
      ...Array.from({ length: 20 }, (_, n) => post("request_task", { agent_id: `nobody-${n}` })),
      ...Array.from({ length: 20 }, (_, n) => post("heartbeat", { id: n % 2 ? agent : `no-${n}`, status: "IDLE" })),
    ]);
    const claims = replies.slice(0, 20).map((reply) => reply.body.task_id);
    expect(new Set(claims).size).toBe(20);
    expect(claims).not.toContain(null);
    expect(replies.slice(20, 40).map((reply) => reply.status)).toEqual(Array(20).fill(404));
    expect(replies.slice(40).map((reply) => reply.status)).toEqual(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? 200 : 404)),
    );
  });

  test("describes itself as OpenAPI", async () => {
    const { status, body } = await functions.call("/agent/openapi.json");
    expect(status).toBe(200);
    expect(Object.keys(body.paths).sort()).toEqual(
      [
        "complete_task",
        "cycle",
        "deregister",
        "fail_task",
        "heartbeat",
        "progress",
        "register",
        "request_task",
        "upload_result",
        "upload_url",
      ].map((path) => `/agent/${path}`),
    );
  });

  test("answers a wrong method 405, an unknown path 404 and what is no bearer token 401", async () => {
    expect((await functions.call("/agent/register")).status).toBe(405);
    expect((await post("nothing", {})).status).toBe(404);
    const headers = { authorization: "Basic YTpi" };
    const body = { id: "x", status: "IDLE" };
    expect((await functions.call("/agent/heartbeat", { method: "POST", body, headers })).status).toBe(401);
  });
});
