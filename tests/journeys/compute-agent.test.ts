import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "./start-test-cloud.ts";
import { waitFor } from "./wait-for.ts";

// The calls of the compute agents' documentation, in its order, by clients that know no token.

const AGENT = "uuid-gen-by-client-1234";
const ROWS = ["1,10", "2,20", "3,30", "4,40"];

let cloud: TestCloud;
let owner: { id: string; email: string };
let job: number;
let tasks: number[];
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.close());

const call = async (method: string, path: string, body?: unknown) => {
  const isForm = body instanceof FormData;
  const reply = await fetch(`${cloud.info.functions_url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: isForm ? {} : { "content-type": "application/json" }, body: isForm ? body : JSON.stringify(body) }),
  });
  return { status: reply.status, body: await reply.json() };
};
const post = (path: string, body: unknown) => call("POST", path, body);
const text = async (url: string) => (await fetch(url)).text();

const aTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
/** Beside what is documented, every reply of an agent's call tells the time and when to come back. */
const timing = { server_time: aTime, poll_after_seconds: expect.any(Number) };

test("POST /auth/register makes an account on the website, once", async () => {
  const account = { email: "user@example.com", password: "correct-horse-battery", role: "user" };
  const { status, body } = await post("/auth/register", account);
  expect({ status, body }).toEqual({
    status: 200,
    body: { id: expect.any(String), email: "user@example.com", role: "user", created_at: aTime },
  });
  owner = body;
  expect(await post("/auth/register", account)).toMatchObject({
    status: 400,
    body: { detail: "Email already registered" },
  });
});

test("POST /auth/login answers the same to the right password", async () => {
  const login = { email: "user@example.com", password: "correct-horse-battery" };
  expect(await post("/auth/login", login)).toMatchObject({
    status: 200,
    body: { id: owner.id, email: "user@example.com", role: "user", created_at: aTime },
  });
  expect(await post("/auth/login", { ...login, password: "wrong" })).toMatchObject({
    status: 401,
    body: { detail: "Invalid email or password" },
  });
});

test("POST /agent/register links a machine to its owner's account", async () => {
  const machine = { id: AGENT, email: "user@example.com", gpu_model: "NVIDIA RTX 4090", ram_total: "64GB" };
  expect(await post("/agent/register", machine)).toEqual({
    status: 200,
    body: {
      message: "New Agent uuid-gen-by-client-1234 registered!",
      status: "created",
      agent_token: expect.any(String),
      ...timing,
    },
  });
  expect(await post("/agent/register", { ...machine, email: " USER@Example.com " })).toMatchObject({
    status: 200,
    body: { message: "Welcome back, Agent uuid-gen-by-client-1234", status: "linked" },
  });
});

test("POST /agent/register answers 404 to an e-mail address that nobody registered", async () => {
  expect(await post("/agent/register", { id: "other", email: "nobody@example.com" })).toMatchObject({
    status: 404,
    body: { detail: "Owner email not found. Please register on the website first." },
  });
});

test("POST /agent/heartbeat tells the server's time", async () => {
  for (const status of ["IDLE", "BUSY", "WORKING"]) {
    expect(await post("/agent/heartbeat", { id: AGENT, status })).toEqual({
      status: 200,
      body: { message: "Heartbeat received", stop: [], ...timing },
    });
  }
  expect(await post("/agent/heartbeat", { id: "unknown", status: "IDLE" })).toMatchObject({
    status: 404,
    body: { detail: "Agent not registered" },
  });
});

const NOTHING = {
  task_id: null,
  job_id: null,
  code_url: null,
  requirements_url: null,
  chunk_data_url: null,
  attempt: null,
  lease_expires_at: null,
  task_timeout_seconds: null,
};

test("POST /agent/request_task answers nulls when there is no work", async () => {
  expect(await post("/agent/request_task", { agent_id: AGENT })).toEqual({
    status: 200,
    body: { ...NOTHING, ...timing },
  });
});

test("POST /jobs/upload takes the three files, and the data is split in the background", async () => {
  const form = new FormData();
  form.set("title", "Rain");
  form.set("user_id", owner.id);
  form.set("file_code", new File(["print('trained')\n"], "train.py"));
  form.set("file_req", new File(["numpy\n"], "requirements.txt"));
  form.set("file_data", new File([`day,rain\n${ROWS.join("\n")}\n`], "data.csv"));
  form.set("chunks", "2");
  const { status, body } = await post("/jobs/upload", form);
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      job_id: expect.any(Number),
      message: "Upload successful! Splitting data in background.",
      status: "PROCESSING",
    },
  });
  job = body.job_id;
  await waitFor(async () => ((await call("GET", `/jobs/${job}`)).body.status === "RUNNING" ? true : undefined));
  expect(await call("GET", `/jobs/${job}`)).toMatchObject({
    status: 200,
    body: {
      id: job,
      title: "Rain",
      status: "RUNNING",
      created_at: aTime,
      final_result_url: null,
      total_subtasks: 2,
      completed_subtasks: 0,
    },
  });
  expect(await call("GET", "/jobs/999999")).toMatchObject({ status: 404, body: { detail: "Job not found" } });
});

test("POST /agent/request_task hands out the files of a task, which anybody who has their URLs can fetch", async () => {
  const { status, body } = await post("/agent/request_task", { agent_id: AGENT });
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      task_id: expect.any(Number),
      job_id: job,
      code_url: expect.stringContaining("/train.py?"),
      requirements_url: expect.stringContaining("/requirements.txt?"),
      chunk_data_url: expect.stringContaining(".csv?"),
      attempt: 1,
      lease_expires_at: aTime,
      task_timeout_seconds: 3600,
      ...timing,
    },
  });
  expect(await text(body.code_url)).toBe("print('trained')\n");
  expect(await text(body.requirements_url)).toBe("numpy\n");
  expect(await text(body.chunk_data_url)).toBe("day,rain\n1,10\n2,20\n");
  // Until it is done, the same agent is given the same task.
  expect((await post("/agent/request_task", { agent_id: AGENT })).body.task_id).toBe(body.task_id);
  tasks = [body.task_id];
});

test("POST /agent/complete_task refuses a task that is not there, and one of somebody else", async () => {
  const result_url = "https://example.com/results_chunk_0.csv";
  expect(await post("/agent/complete_task", { agent_id: AGENT, task_id: 1, result_url })).toMatchObject({
    status: 404,
    body: { detail: "Subtask not found" },
  });
  await post("/agent/register", { id: "second", email: "user@example.com" });
  expect(await post("/agent/complete_task", { agent_id: "second", task_id: tasks[0], result_url })).toMatchObject({
    status: 400,
    body: { detail: "This task was not assigned to you" },
  });
});

test("POST /agent/upload_result stores a result, and POST /agent/complete_task ends the task with it, and says so again", async () => {
  const form = new FormData();
  form.set("agent_id", AGENT);
  form.set("task_id", String(tasks[0]));
  form.set("file", new File(["day,mean\n1,15\n"], "result.csv"));
  const stored = await post("/agent/upload_result", form);
  expect(stored).toEqual({ status: 200, body: { url: expect.stringMatching(/^https?:/), ...timing } });
  expect(await text(stored.body.url)).toBe("day,mean\n1,15\n");

  form.set("task_id", "1");
  expect(await post("/agent/upload_result", form)).toMatchObject({
    status: 404,
    body: { detail: "Subtask not found" },
  });

  const completion = { agent_id: AGENT, task_id: tasks[0], result_url: stored.body.url };
  for (let times = 0; times < 2; times++) {
    expect(await post("/agent/complete_task", completion)).toEqual({
      status: 200,
      body: { message: "Task marked as completed. Good job!", ...timing },
    });
  }
  expect((await call("GET", `/jobs/${job}`)).body).toMatchObject({ total_subtasks: 2, completed_subtasks: 1 });
});

test("a worker without a file completes with an empty string, and the job ends", async () => {
  const { body: task } = await post("/agent/request_task", { agent_id: "second" });
  expect(task).toMatchObject({ job_id: job, task_id: expect.any(Number) });
  expect(task.task_id).not.toBe(tasks[0]);
  const completion = { agent_id: "second", task_id: task.task_id, result_url: "" };
  expect((await post("/agent/complete_task", completion)).status).toBe(200);
  const ended = await waitFor(async () => {
    const { body } = await call("GET", `/jobs/${job}`);
    return body.status === "COMPLETED" ? body : undefined;
  });
  expect(ended).toMatchObject({ completed_subtasks: 2, total_subtasks: 2 });
  expect(await text(ended.final_result_url)).toBe("day,mean\n1,15\n");
});

test("GET /jobs/list and /jobs/download tell the owner's jobs and results", async () => {
  expect(await call("GET", `/jobs/list/${owner.id}`)).toMatchObject({
    status: 200,
    body: [
      {
        id: job,
        title: "Rain",
        status: "COMPLETED",
        created_at: aTime,
        original_code_url: expect.stringContaining("/train.py?"),
        original_data_url: expect.stringContaining("/data.csv?"),
        final_result_url: expect.stringContaining("/result.csv?"),
      },
    ],
  });
  expect(await call("GET", `/jobs/download/${job}?user_id=${owner.id}`)).toMatchObject({
    status: 200,
    body: {
      job_id: job,
      title: "Rain",
      status: "COMPLETED",
      final_result_url: expect.stringContaining("/result.csv?"),
    },
  });
  expect(await call("GET", `/jobs/download/${job}?user_id=${cloud.info.admin.id}`)).toMatchObject({
    status: 403,
    body: { detail: "Unauthorized: You do not own this job." },
  });
});
