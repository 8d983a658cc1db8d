import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addJob, hashOf } from "../db/fleet-scene.ts";
import { addUser } from "../db/scene.ts";
import { startAgentApi, TIMING } from "./start-agent-api.ts";

let api: Awaited<ReturnType<typeof startAgentApi>>;
beforeAll(async () => {
  api = await startAgentApi();
});
afterAll(() => api.close());

describe("POST /agent/register", () => {
  test("answers in the seed's words, and gives a token once", async () => {
    const id = randomUUID();
    const email = `${randomUUID()}@example.com`;
    await addUser(api.db, email);
    const machine = { id, email, gpu_model: "NVIDIA RTX 4090", ram_total: "64GB" };
    const first = await api.post("register", machine);
    expect(first).toMatchObject({
      status: 200,
      body: { message: `New Agent ${id} registered!`, status: "created", ...TIMING },
    });
    const token = first.body.agent_token;
    expect(token).toMatch(/^corral_agent_[0-9a-f]{64}$/);
    const again = await api.post("register", machine, token);
    expect(again.body).toEqual({ message: `Welcome back, Agent ${id}`, status: "linked", ...TIMING });
    const rows = await api.db.sql("select to_jsonb(a)::text as row from corral.agents a where id = $1", [id]);
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(JSON.stringify(rows)).toContain(hashOf(token));
  });

  test("finds the owner by an e-mail address in any case and with spaces around", async () => {
    const email = `${randomUUID()}@example.com`;
    await addUser(api.db, email);
    const { status } = await api.post("register", { id: randomUUID(), email: `  ${email.toUpperCase()} ` });
    expect(status).toBe(200);
  });

  test("answers 404 in the seed's words for an e-mail address that nobody has", async () => {
    expect(await api.post("register", { id: "x", email: "nobody@example.com" })).toMatchObject({
      status: 404,
      body: { detail: "Owner email not found. Please register on the website first.", code: "owner_not_found" },
    });
  });

  test("refuses an id that somebody else holds", async () => {
    const { id } = await api.addAgent();
    const email = `${randomUUID()}@example.com`;
    await addUser(api.db, email);
    expect(await api.post("register", { id, email })).toMatchObject({ status: 409, body: { code: "agent_conflict" } });
  });

  test("refuses an agent without its token, once it has shown it", async () => {
    const { id, email, token } = await api.addAgent();
    expect((await api.post("heartbeat", { id, status: "IDLE" }, token)).status).toBe(200);
    expect((await api.post("heartbeat", { id, status: "IDLE" })).status).toBe(401);
    expect((await api.post("register", { id, email })).status).toBe(409);
    expect((await api.post("register", { id, email }, token)).status).toBe(200);
  });

  test("is for holders of a swarm token where enrollment is closed", async () => {
    const [row] = await api.db.sql<{ token: string }>("select corral.issue_swarm_token('lab') as token");
    const { email } = await api.addAgent();
    const enrol = (token?: string) => api.post("register", { id: `lab-${randomUUID()}`, email }, token);
    await api.setOpenEnrollment(false);
    expect(await enrol()).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    expect((await enrol("nonsense")).status).toBe(401);
    expect((await enrol(api.keys.anonKey)).status).toBe(401);
    const enrolled = await enrol(row?.token);
    expect(enrolled.body).toMatchObject({ status: "created", agent_token: expect.any(String) });
    await api.setOpenEnrollment(true);
  });

  test.for([
    ["64GB", 64],
    ["65536 MB", 64],
    [128, 128],
  ] as const)("takes %j of memory for what a job needs", async ([ram_total, gb]) => {
    const { id } = await api.addAgent({ ram_total });
    const claim = async (ram_gb: number) => {
      const job = await addJob(api.db, 1, { ram_gb });
      const { body } = await api.post("request_task", { agent_id: id });
      await api.db.sql("select public.control_job($1, 'cancel', null, true)", [job.id]);
      return body.job_id === job.id;
    };
    expect(await claim(gb + 1)).toBe(false);
    expect(await claim(gb)).toBe(true);
  });

  test("takes any words for memory, and fields that it does not know", async () => {
    await api.addAgent({ ram_total: "plenty", gpu_model: null, tags: null, favourite_colour: "grün" });
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
    const reply = await api.post("register", body);
    expect(reply.status).toBe(422);
    expect(reply.body.detail).toEqual([expect.objectContaining(fault)]);
  });
});
