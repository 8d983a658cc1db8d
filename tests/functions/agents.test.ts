import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startFunctions } from "./start-functions.ts";

type User = { id: string; token: string };
let functions: Awaited<ReturnType<typeof startFunctions>>;
let owner: User;
let stranger: User;
let admin: User;
beforeAll(async () => {
  functions = await startFunctions();
  owner = await functions.createUser();
  stranger = await functions.createUser();
  admin = await functions.createUser({ corral_role: "admin" });
});
afterAll(() => functions.close());
beforeEach(() => setModes({ openEnrollment: false, openAdmin: false }));

const setModes = (modes: { openEnrollment: boolean; openAdmin: boolean }) =>
  functions.db.sql("update corral.settings set open_enrollment = $1, open_admin = $2, auto_ingestion = true", [
    modes.openEnrollment,
    modes.openAdmin,
  ]);

const asService = (text: string, params: unknown[]) => functions.db.as("service_role", {}, text, params);

/** Plays the container's part: claims and starts the project's run, once it has one. */
async function startRun(projectId: string): Promise<number> {
  const queued = () =>
    functions.db.sql<{ id: string }>("select id from corral.runs where subject = $1 and state = 'queued'", [projectId]);
  await expect.poll(queued).toHaveLength(1);
  const id = Number((await queued())[0]?.id);
  await asService("select public.claim_run($1)", [id]);
  await asService("select public.start_run($1, 1, 'kaggle-to-gcs-test1')", [id]);
  return id;
}

const publish = (run: number) =>
  asService(
    `select public.publish_dataset($1, 1, 'noaa/seattle-weather', 'gs://bucket/raw/noaa_seattle-weather_v1.zip',
       4509715661, 'AAAAAA==', null, 1, 'CC0-1.0', '[]')`,
    [run],
  );

const failRun = (run: number, code: string, message: string) =>
  asService("select public.fail_run($1, 1, $2, $3, false, null)", [run, code, message]);

describe("POST /agents/dataset/start", () => {
  const start = (project_id: string, options: { token?: string | undefined; wait?: number } = {}) =>
    functions.call("/agents/dataset/start", {
      method: "POST",
      body: { project_id },
      token: "token" in options ? options.token : owner.token,
      headers: options.wait === undefined ? {} : { prefer: `wait=${options.wait}` },
    });

  test("answers 202 with the seed's fields, the run and where to look when the wait is over", async () => {
    const project = await functions.createProject(owner.id);
    const { status, headers, body } = await start(project, { wait: 0 });
    expect(status).toBe(202);
    expect(body).toEqual({
      success: false,
      dataset_name: null,
      gcs_url: null,
      size: null,
      run_id: expect.any(Number),
      status_url: `${functions.url}/agents/dataset/status/${project}`,
    });
    expect(headers.get("preference-applied")).toBe("wait=0");
    expect(headers.get("location")).toBe(body.status_url);
  });

  test("waits for the dataset and answers with the seed's body", async () => {
    const project = await functions.createProject(owner.id);
    const reply = start(project, { wait: 30 });
    const run = await startRun(project);
    await publish(run);
    expect(await reply).toMatchObject({
      status: 200,
      body: {
        success: true,
        dataset_name: "noaa/seattle-weather",
        gcs_url: "gs://bucket/raw/noaa_seattle-weather_v1.zip",
        size: "4.20 GB",
        run_id: run,
      },
    });
  });

  test("joins the live run instead of starting a second", async () => {
    const project = await functions.createProject(owner.id);
    const replies = await Promise.all([1, 2, 3].map(() => start(project, { wait: 0 })));
    const runs = new Set(replies.map((reply) => reply.body.run_id));
    expect(replies.map((reply) => reply.status)).toEqual([202, 202, 202]);
    expect(runs.size).toBe(1);
  });

  test("answers at once with the dataset that the project has already", async () => {
    const project = await functions.createProject(owner.id, "pending_dataset");
    await publish(await startRun(project));
    const { status, body } = await start(project);
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, dataset_name: "noaa/seattle-weather", size: "4.20 GB" });
  });

  test("answers 404 in the seed's words when nothing suits", async () => {
    const project = await functions.createProject(owner.id);
    const reply = start(project, { wait: 30 });
    await failRun(await startRun(project), "no_suitable_dataset", 'Nothing fits "seattle weather".');
    expect(await reply).toMatchObject({
      status: 404,
      body: { detail: "No suitable dataset found", code: "no_suitable_dataset" },
    });
  });

  test("answers another failure with its code and the run's own message", async () => {
    const project = await functions.createProject(owner.id);
    const reply = start(project, { wait: 30 });
    await failRun(await startRun(project), "kaggle_unauthorized", "Kaggle refused the credentials.");
    const { status, body } = await reply;
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body).toMatchObject({ detail: "Kaggle refused the credentials.", code: "kaggle_unauthorized" });
  });

  test("answers 404 when the project is deleted meanwhile, 409 when it is called back", async () => {
    const deleted = await functions.createProject(owner.id);
    const draft = await functions.createProject(owner.id);
    const replies = [start(deleted, { wait: 30 }), start(draft, { wait: 30 })];
    await Promise.all([startRun(deleted), startRun(draft)]);
    await functions.db.sql("delete from public.projects where id = $1", [deleted]);
    await functions.db.sql("update public.projects set status = 'draft' where id = $1", [draft]);
    expect(await Promise.all(replies)).toMatchObject([
      { status: 404, body: { code: "project_not_found" } },
      { status: 409, body: { code: "project_changed" } },
    ]);
  });

  test("starts again after a failure", async () => {
    const project = await functions.createProject(owner.id, "pending_dataset");
    const failed = await startRun(project);
    await failRun(failed, "no_suitable_dataset", "Nothing fits.");
    const { status, body } = await start(project, { wait: 0 });
    expect(status).toBe(202);
    expect(body.run_id).not.toBe(failed);
  });

  test("answers 404 for an unknown project, and for one of somebody else", async () => {
    const notFound = { status: 404, body: { detail: "Project not found", code: "project_not_found" } };
    expect(await start(randomUUID())).toMatchObject(notFound);
    const project = await functions.createProject(owner.id);
    expect(await start(project, { token: stranger.token })).toMatchObject(notFound);
  });

  test.for(["training", "completed"])("answers 409 for a project in %s", async (status) => {
    const project = await functions.createProject(owner.id, status);
    expect(await start(project)).toMatchObject({ status: 409, body: { code: "project_busy" } });
  });

  test("takes an admin for any project, and no token only in open enrollment", async () => {
    const project = await functions.createProject(owner.id);
    expect((await start(project, { token: undefined, wait: 0 })).status).toBe(401);
    expect((await start(project, { token: admin.token, wait: 0 })).status).toBe(202);
    expect((await start(project, { token: functions.keys.serviceRoleKey, wait: 0 })).status).toBe(202);
    await setModes({ openEnrollment: true, openAdmin: false });
    expect((await start(project, { token: undefined, wait: 0 })).status).toBe(202);
    expect((await start(project, { token: functions.keys.anonKey, wait: 0 })).status).toBe(202);
    expect((await start(project, { token: "nonsense", wait: 0 })).status).toBe(401);
  });

  test("waits no longer than the configured ceiling, whatever the client prefers", async () => {
    await functions.db.sql("update corral.settings set dataset_wait_ceiling_seconds = 1, dataset_wait_seconds = 1");
    const project = await functions.createProject(owner.id);
    const { status, headers } = await start(project, { wait: 1000 });
    expect(status).toBe(202);
    expect(headers.get("preference-applied")).toBe("wait=1");
    await functions.db.sql("update corral.settings set dataset_wait_ceiling_seconds = 140, dataset_wait_seconds = 60");
  });

  test.for<[string, unknown, object]>([
    ["no project_id", {}, { loc: ["body", "project_id"], msg: "Field required", type: "missing" }],
    ["one that is no UUID", { project_id: "nope" }, { loc: ["body", "project_id"], type: "uuid_parsing" }],
    ["a number", { project_id: 7 }, { loc: ["body", "project_id"], type: "string_type" }],
    ["broken JSON", "{", { loc: ["body"], type: "json_invalid" }],
  ])("answers 422 to %s, as FastAPI does", async ([, body, fault]) => {
    const reply = await functions.call("/agents/dataset/start", { method: "POST", body, token: owner.token });
    expect(reply.status).toBe(422);
    expect(reply.body.detail).toEqual([expect.objectContaining(fault)]);
  });
});

describe("POST /agents/dataset/auth", () => {
  const save = (project_id: string, token?: string) =>
    functions.call("/agents/dataset/auth", {
      method: "POST",
      body: { project_id, kaggle_username: "ada", kaggle_key: "k3y-of-ada" },
      token,
    });

  test("saves the credentials where no row shows them", async () => {
    const project = await functions.createProject(owner.id);
    expect(await save(project, owner.token)).toMatchObject({
      status: 200,
      body: { success: true, message: "Kaggle credentials saved" },
    });
    const rows = await functions.db.sql("select to_jsonb(p)::text as row from public.projects p where id = $1", [
      project,
    ]);
    expect(JSON.stringify(rows)).not.toContain("k3y-of-ada");
    const [secret] = await functions.db.sql<{ found: boolean }>(
      "select exists (select from vault.decrypted_secrets where decrypted_secret like '%k3y-of-ada%') as found",
    );
    expect(secret?.found).toBe(true);
  });

  test("is for the owner or an admin; without a token only in open admin, not in open enrollment", async () => {
    const project = await functions.createProject(owner.id);
    expect((await save(project, stranger.token)).body).toMatchObject({ detail: "Project not found" });
    expect((await save(project, admin.token)).status).toBe(200);
    await setModes({ openEnrollment: true, openAdmin: false });
    expect((await save(project)).status).toBe(401);
    await setModes({ openEnrollment: false, openAdmin: true });
    expect((await save(project)).status).toBe(200);
  });

  test("answers 404 for an unknown project and 422 without a key", async () => {
    expect(await save(randomUUID(), owner.token)).toMatchObject({ status: 404, body: { detail: "Project not found" } });
    const body = { project_id: randomUUID(), kaggle_username: "ada" };
    const reply = await functions.call("/agents/dataset/auth", { method: "POST", body, token: owner.token });
    expect(reply.body.detail).toEqual([{ loc: ["body", "kaggle_key"], msg: "Field required", type: "missing" }]);
  });

  test.for(["a\u0000b", "a\nb", "a\ud800"])("answers 422 to %j, which is nobody's login", async (kaggle_username) => {
    const project_id = await functions.createProject(owner.id);
    const body = { project_id, kaggle_username, kaggle_key: "k3y-of-ada" };
    const reply = await functions.call("/agents/dataset/auth", { method: "POST", body, token: owner.token });
    expect(reply.status).toBe(422);
    expect(reply.body.detail).toEqual([
      expect.objectContaining({ loc: ["body", "kaggle_username"], type: "string_pattern_mismatch" }),
    ]);
  });
});

describe("GET /agents/dataset/status/{project_id}", () => {
  const read = (project: string, token: string | undefined = owner.token) =>
    functions.call(`/agents/dataset/status/${project}`, { token });

  test("has neither dataset nor logs nor run before anything happened", async () => {
    const project = await functions.createProject(owner.id);
    expect(await read(project)).toMatchObject({
      status: 200,
      body: { dataset: null, logs: [], run: null, project_status: "draft" },
    });
  });

  test("tells state, phase, progress and ETA of the run", async () => {
    const project = await functions.createProject(owner.id, "pending_dataset");
    const run = await startRun(project);
    const progress = { bytes: 10, total_bytes: 100, bytes_per_second: 5, eta_seconds: 18 };
    await asService("select public.report_progress($1, 1, 'downloading', $2)", [run, progress]);
    expect((await read(project)).body).toMatchObject({
      project_status: "pending_dataset",
      run: { id: run, state: "running", attempt: 1, phase: "downloading", progress, eta_seconds: 18, error_code: null },
    });
  });

  test("has the dataset's row and the newest ten log lines, newest first", async () => {
    const project = await functions.createProject(owner.id, "pending_dataset");
    const run = await startRun(project);
    for (let line = 1; line <= 12; line++) {
      await asService("select public.record_milestone($1, 1, $2, 'info', null)", [run, `line ${line}`]);
    }
    await publish(run);
    const { body } = await read(project);
    expect(body.dataset).toMatchObject({
      project_id: project,
      name: "noaa/seattle-weather",
      gcs_url: "gs://bucket/raw/noaa_seattle-weather_v1.zip",
      size: "4.20 GB",
      size_bytes: 4509715661,
      source: "kaggle",
    });
    expect(body.logs).toHaveLength(10);
    expect(body.logs[1]).toMatchObject({ project_id: project, agent_name: "dataset", message: "line 12" });
    expect(body).toMatchObject({ project_status: "pending_training", run: { state: "succeeded" } });
  });

  test("is for the owner, an admin, and in open enrollment for anybody", async () => {
    const project = await functions.createProject(owner.id);
    expect(await read(project, stranger.token)).toMatchObject({ status: 404, body: { detail: "Project not found" } });
    expect((await read(project, admin.token)).status).toBe(200);
    expect((await functions.call(`/agents/dataset/status/${project}`)).status).toBe(401);
    await setModes({ openEnrollment: true, openAdmin: false });
    expect((await functions.call(`/agents/dataset/status/${project}`)).status).toBe(200);
  });

  test("answers 404 for an unknown project and 422 for what is no id", async () => {
    expect(await read(randomUUID())).toMatchObject({ status: 404, body: { detail: "Project not found" } });
    const { status, body } = await read("nope");
    expect(status).toBe(422);
    expect(body.detail).toEqual([expect.objectContaining({ loc: ["path", "project_id"] })]);
  });
});

describe("POST /agents/dataset/polling", () => {
  const poll = (verb: "start" | "stop", token?: string) =>
    functions.call(`/agents/dataset/polling/${verb}`, { method: "POST", token });

  test("stops and starts automatic ingestion, and says when it was on already", async () => {
    expect(await poll("start", admin.token)).toMatchObject({
      status: 200,
      body: { success: false, message: "Polling already active" },
    });
    expect((await poll("stop", admin.token)).body).toEqual({ success: true, message: "Auto-polling stopped" });
    expect((await poll("stop", admin.token)).body).toEqual({ success: true, message: "Auto-polling stopped" });
    expect((await functions.call("/health")).body).toMatchObject({ auto_polling: false });
    expect((await poll("start", admin.token)).body).toEqual({ success: true, message: "Auto-polling started" });
  });

  test("start picks up the projects that have been waiting", async () => {
    await poll("stop", admin.token);
    const project = await functions.createProject(owner.id, "pending_dataset");
    const runs = () => functions.db.sql("select from corral.runs where subject = $1", [project]);
    expect(await runs()).toHaveLength(0);
    await poll("start", admin.token);
    expect(await runs()).toHaveLength(1);
  });

  test("is for admins; a user is told so, and no token is enough in open admin", async () => {
    expect(await poll("stop", owner.token)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await poll("stop")).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    await setModes({ openEnrollment: true, openAdmin: false });
    expect((await poll("stop")).status).toBe(401);
    await setModes({ openEnrollment: false, openAdmin: true });
    expect((await poll("stop")).status).toBe(200);
  });
});

describe("the agents API", () => {
  test("describes itself as OpenAPI", async () => {
    const { status, body } = await functions.call("/agents/openapi.json");
    expect(status).toBe(200);
    expect(Object.keys(body.paths).sort()).toEqual([
      "/agents/dataset/auth",
      "/agents/dataset/polling/start",
      "/agents/dataset/polling/stop",
      "/agents/dataset/start",
      "/agents/dataset/status/{project_id}",
    ]);
  });

  test("answers a wrong method 405 and an unknown path 404, in FastAPI's words", async () => {
    expect(await functions.call("/agents/dataset/start")).toMatchObject({
      status: 405,
      body: { detail: "Method Not Allowed" },
    });
    expect(await functions.call("/agents/dataset/nothing")).toMatchObject({
      status: 404,
      body: { detail: "Not Found" },
    });
  });

  test("answers a browser's preflight", async () => {
    const reply = await fetch(`${functions.url}/agents/dataset/start`, {
      method: "OPTIONS",
      headers: {
        origin: "https://example.org",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,prefer",
      },
    });
    expect(reply.ok).toBe(true);
    expect(reply.headers.get("access-control-allow-origin")).toBe("*");
    expect(reply.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("prefer");
  });
});
