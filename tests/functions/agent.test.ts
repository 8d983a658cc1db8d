import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jobOf, taskOf } from "../db/fleet-scene.ts";
import { NO_TASK, startAgentApi, TIMING } from "./start-agent-api.ts";

let api: Awaited<ReturnType<typeof startAgentApi>>;
beforeAll(async () => {
  api = await startAgentApi();
});
afterAll(() => api.close());

describe("POST /agent/heartbeat", () => {
  test("answers in the seed's words, whatever the agent is called", async () => {
    const { email } = await api.addAgent();
    const id = "агент 🤖 'x\" --";
    await api.post("register", { id, email });
    for (const status of ["IDLE", "BUSY", "WORKING", "OFFLINE"]) {
      expect(await api.post("heartbeat", { id, status })).toMatchObject({
        status: 200,
        body: { message: "Heartbeat received", stop: [], ...TIMING },
      });
    }
  });

  test("answers 404 in the seed's words for an agent that is not registered", async () => {
    expect(await api.post("heartbeat", { id: "nobody", status: "IDLE" })).toMatchObject({
      status: 404,
      body: { detail: "Agent not registered", code: "agent_not_found" },
    });
  });

  test("tells which of the named tasks are no longer the agent's", async () => {
    const { agent, job } = await api.addWork(2);
    const { task_id } = (await api.post("request_task", { agent_id: agent })).body;
    const beat = async () =>
      (await api.post("heartbeat", { id: agent, status: "WORKING", tasks: [{ task_id, attempt: 1 }] })).body.stop;
    expect(await beat()).toEqual([]);
    await api.db.sql("select public.control_job($1, 'cancel', null, true)", [job]);
    expect(await beat()).toEqual([task_id]);
  });

  test("answers 422 to a status that there is not", async () => {
    const { status, body } = await api.post("heartbeat", { id: "x", status: "ASLEEP" });
    expect(status).toBe(422);
    expect(body.detail).toEqual([expect.objectContaining({ loc: ["body", "status"] })]);
  });
});

describe("POST /agent/cycle", () => {
  test("completes, beats and claims in one call", async () => {
    const { agent, job } = await api.addWork(2);
    const cycle = async (more = {}) => (await api.post("cycle", { agent_id: agent, ...more })).body;
    const first = await cycle({ status: "IDLE" });
    expect(first).toMatchObject({ job_id: job, attempt: 1, completion: null, stop: [], ...TIMING });
    const complete = { task_id: first.task_id, attempt: 1, result_url: "" };
    const second = await cycle({ complete, tasks: [{ task_id: first.task_id, attempt: 1 }] });
    expect(second).toMatchObject({
      job_id: job,
      completion: { task_id: first.task_id, code: "completed", message: "Task marked as completed. Good job!" },
    });
    expect(second.task_id).not.toBe(first.task_id);
    const last = await cycle({ complete: { task_id: second.task_id }, claim: false });
    expect(last).toMatchObject({ ...NO_TASK, completion: { code: "completed" } });
    await expect.poll(() => jobOf(api.db, job)).toMatchObject({ status: "COMPLETED" });
  });

  test("tells why a completion was refused, and claims all the same", async () => {
    const { agent, job } = await api.addWork(1);
    const { status, body } = await api.post("cycle", { agent_id: agent, complete: { task_id: 55, result_url: "" } });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      job_id: job,
      completion: { task_id: 55, code: "task_not_found", message: "Subtask not found" },
    });
  });

  test("refuses no more than the completion where the result lies among others' objects", async () => {
    const { agent, job } = await api.addWork(2);
    const { task_id } = (await api.post("request_task", { agent_id: agent })).body;
    const complete = { task_id, result_url: "gs://bucket/raw/secret.zip" };
    const { status, body } = await api.post("cycle", { agent_id: agent, complete, request_id: "next" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ job_id: job, completion: { task_id, code: "result_not_yours" } });
    expect(body.task_id).not.toBe(task_id);
    expect(await taskOf(api.db, task_id)).toMatchObject({ state: "RUNNING", result_url: null });
  });

  test("answers 404 for an agent that is not registered", async () => {
    expect(await api.post("cycle", { agent_id: "nobody" })).toMatchObject({
      status: 404,
      body: { detail: "Agent not registered" },
    });
  });
});

describe("POST /agent/deregister", () => {
  test("gives the agent's tasks back and forgets it", async () => {
    const { agent } = await api.addWork(1);
    const { task_id } = (await api.post("request_task", { agent_id: agent })).body;
    expect(await api.post("deregister", { agent_id: agent })).toMatchObject({
      status: 200,
      body: { message: `Agent ${agent} deregistered`, tasks_returned: 1, ...TIMING },
    });
    expect((await taskOf(api.db, task_id)).state).toBe("PENDING");
    expect((await api.post("heartbeat", { id: agent, status: "IDLE" })).status).toBe(404);
  });
});

describe("the agent API", () => {
  test("serves calls that come at the same moment, each its own outcome", async () => {
    const { agent } = await api.addWork(20);
    const replies = await Promise.all([
      ...Array.from({ length: 20 }, (_, n) => api.post("request_task", { agent_id: agent, request_id: `r${n}` })),
      ...Array.from({ length: 20 }, (_, n) => api.post("request_task", { agent_id: `nobody-${n}` })),
      ...Array.from({ length: 20 }, (_, n) => api.post("heartbeat", { id: n % 2 ? agent : `no-${n}`, status: "IDLE" })),
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
    const { status, body } = await api.call("/agent/openapi.json");
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
    expect((await api.call("/agent/register")).status).toBe(405);
    expect((await api.post("nothing", {})).status).toBe(404);
    const headers = { authorization: "Basic YTpi" };
    const body = { id: "x", status: "IDLE" };
    expect((await api.call("/agent/heartbeat", { method: "POST", body, headers })).status).toBe(401);
  });
});
