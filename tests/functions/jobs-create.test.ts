import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addRunningProject, call, firstOf, PUBLISH, runOf } from "../db/scene.ts";
import { startFunctions } from "./start-functions.ts";

type User = { id: string; token: string };
let functions: Awaited<ReturnType<typeof startFunctions>>;
let owner: User;
let admin: User;
beforeAll(async () => {
  functions = await startFunctions();
  owner = await functions.createUser();
  admin = await functions.createUser({ corral_role: "admin" });
});
afterAll(() => functions.close());

const DATA = "https://example.org/rain.csv";
const CODE = "https://example.org/train.py";
const WISHES = { title: "Rain", data_url: DATA, code_url: CODE };

/** Posts a job, by the owner unless told otherwise. */
const create = (wishes: unknown, { token = owner.token, headers = {} }: { token?: string; headers?: object } = {}) =>
  functions.call("/jobs", { method: "POST", body: wishes, token, headers: { ...headers } });
const createWithoutToken = (wishes: unknown) => functions.call("/jobs", { method: "POST", body: wishes });

const jobOf = async (id: unknown) =>
  firstOf(
    await functions.db.sql(
      `select j.*, r.ram_gb, r.gpu_model, r.tags from corral.jobs j join corral.requirements r on r.id = j.requirement_id
        where j.id = $1`,
      [id],
    ),
  );

async function inOpenEnrollment<T>(work: () => Promise<T>): Promise<T> {
  await functions.db.sql("update corral.settings set open_enrollment = true");
  try {
    return await work();
  } finally {
    await functions.db.sql("update corral.settings set open_enrollment = false");
  }
}

describe("POST /jobs", () => {
  test("makes a job of its caller's, with the defaults, and has its data split", async () => {
    const { status, body } = await create(WISHES);
    expect(status).toBe(201);
    expect(body).toEqual({ job_id: expect.any(Number), status: "PROCESSING", message: expect.any(String) });
    expect(await jobOf(body.job_id)).toMatchObject({
      owner_id: owner.id,
      title: "Rain",
      data_url: DATA,
      code_url: CODE,
      requirements_url: null,
      data_file: null,
      chunks: 8,
      rows_per_chunk: null,
      task_timeout_seconds: 3600,
      max_attempts: 3,
      priority: 0,
      aggregate: "none",
      is_draft: false,
    });
    expect(await runOf(functions.db, String(body.job_id))).toMatchObject({ kind: "split" });
  });

  test("takes everything that can be wished for", async () => {
    const { status, body } = await create({
      ...WISHES,
      requirements_url: "https://example.org:8443/requirements.txt?v=1",
      data_file: "weather/rain.csv",
      rows_per_chunk: 5000,
      task_timeout_seconds: 60,
      max_attempts: 5,
      priority: -7,
      ram: "16 GiB",
      gpu_model: "RTX 4090",
      tags: ["cuda", "Linux"],
      aggregate: "fedavg",
      swarm: "default",
    });
    expect(status).toBe(201);
    expect(await jobOf(body.job_id)).toMatchObject({
      requirements_url: "https://example.org:8443/requirements.txt?v=1",
      data_file: "weather/rain.csv",
      chunks: null,
      rows_per_chunk: "5000",
      task_timeout_seconds: 60,
      max_attempts: 5,
      priority: -7,
      ram_gb: 16,
      gpu_model: "rtx 4090",
      tags: ["cuda", "linux"],
      aggregate: "fedavg",
    });
  });

  test("takes memory as a number of GB", async () => {
    const { body } = await create({ ...WISHES, ram: 24 });
    expect(await jobOf(body.job_id)).toMatchObject({ ram_gb: 24 });
  });

  test("takes null for what is not wished for", async () => {
    const nothing = { project_id: null, requirements_url: null, data_file: null, chunks: null, rows_per_chunk: null };
    const more = { ram: null, gpu_model: null, tags: null, idempotency_key: null, user_id: null, swarm: null };
    const { status, body } = await create({ ...WISHES, ...nothing, ...more });
    expect(status).toBe(201);
    expect(await jobOf(body.job_id)).toMatchObject({ chunks: 8, gpu_model: null });
  });

  test("makes a job of a project's dataset", async () => {
    const { id, run, owner: projectOwner } = await addRunningProject(functions.db);
    await call(functions.db, PUBLISH, [run, 1]);
    expect(projectOwner).not.toBe(owner.id);
    await functions.db.sql("update public.projects set user_id = $1 where id = $2", [owner.id, id]);
    const { status, body } = await create({ title: "Rain", project_id: id, code_url: CODE });
    expect(status).toBe(201);
    expect(await jobOf(body.job_id)).toMatchObject({
      project_id: id,
      data_url: "gs://bucket/raw/vega_seattle-weather_v3.zip",
      owner_id: owner.id,
    });
  });

  test("answers 404 for a project that is not there or another's, 409 for one without its dataset", async () => {
    const bare = await functions.createProject(owner.id);
    const others = await functions.createProject(admin.id);
    const of = (project_id: string) => create({ title: "Rain", project_id, code_url: CODE });
    expect(await of(bare)).toMatchObject({ status: 409, body: { code: "dataset_missing" } });
    expect(await of(others)).toMatchObject({ status: 404, body: { detail: "Project not found" } });
    expect(await of(randomUUID())).toMatchObject({ status: 404, body: { detail: "Project not found" } });
  });

  test("is for users and admins, and without a token only in open enrollment", async () => {
    expect(await createWithoutToken(WISHES)).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    expect((await create(WISHES, { token: "nonsense" })).status).toBe(401);
    expect((await create(WISHES, { token: functions.keys.serviceRoleKey })).status).toBe(201);
    const { status, body } = await inOpenEnrollment(() => createWithoutToken({ ...WISHES, user_id: owner.id }));
    expect(status).toBe(201);
    expect(await jobOf(body.job_id)).toMatchObject({ owner_id: owner.id, is_open: true });
  });

  test("makes a job for somebody else only for admins", async () => {
    const { body } = await create({ ...WISHES, user_id: owner.id }, { token: admin.token });
    expect(await jobOf(body.job_id)).toMatchObject({ owner_id: owner.id, is_open: false });
    const refused = { status: 404, body: { code: "user_not_found" } };
    expect(await create({ ...WISHES, user_id: admin.id })).toMatchObject(refused);
    expect(await create({ ...WISHES, user_id: randomUUID() }, { token: admin.token })).toMatchObject(refused);
    expect(await create({ ...WISHES, user_id: "user-7" }, { token: admin.token })).toMatchObject(refused);
    expect((await create({ ...WISHES, user_id: owner.id })).status).toBe(201);
  });

  test("answers 404 for a swarm that is not there", async () => {
    const refused = { status: 404, body: { code: "swarm_not_found" } };
    expect(await create({ ...WISHES, swarm: "elsewhere" })).toMatchObject(refused);
  });
});

describe("an idempotency key", () => {
  test("gives the same job again, with its state of now", async () => {
    const idempotency_key = randomUUID();
    const first = await create({ ...WISHES, idempotency_key });
    expect(first.status).toBe(201);
    await functions.call(`/jobs/${first.body.job_id}/cancel`, { method: "POST", token: owner.token });
    const again = await create({ ...WISHES, requirements_url: null, idempotency_key });
    expect(again).toMatchObject({ status: 200, body: { job_id: first.body.job_id, status: "CANCELLED" } });
  });

  test("is refused with 409 when it came with other wishes before", async () => {
    const idempotency_key = randomUUID();
    await create({ ...WISHES, idempotency_key });
    expect(await create({ ...WISHES, title: "Snow", idempotency_key })).toMatchObject({
      status: 409,
      body: { code: "idempotency_conflict" },
    });
  });

  test("is not taken from its owner by whoever names him without a token, nor the other way", async () => {
    const idempotency_key = randomUUID();
    const evil = { ...WISHES, idempotency_key, user_id: owner.id, code_url: "https://example.net/evil.py" };
    const [first, second] = await inOpenEnrollment(async () => [
      await createWithoutToken(evil),
      await createWithoutToken(evil),
    ]);
    expect([first?.status, second?.status, second?.body.job_id]).toEqual([201, 200, first?.body.job_id]);
    const own = await create({ ...WISHES, idempotency_key });
    expect(own.status).toBe(201);
    expect(await jobOf(own.body.job_id)).toMatchObject({ code_url: CODE, is_open: false });
    const again = await create({ ...WISHES, idempotency_key });
    expect([again.status, again.body.job_id]).toEqual([200, own.body.job_id]);
  });

  test("may come as a header, and makes one job of many calls at once", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const replies = await Promise.all([1, 2, 3, 4].map(() => create(WISHES, { headers })));
    expect(new Set(replies.map(({ body }) => body.job_id)).size).toBe(1);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
  });

  test("is its owner's: another gets a job of his own with it", async () => {
    const idempotency_key = randomUUID();
    const mine = await create({ ...WISHES, idempotency_key });
    const theirs = await create({ ...WISHES, idempotency_key }, { token: admin.token });
    expect(theirs.status).toBe(201);
    expect(theirs.body.job_id).not.toBe(mine.body.job_id);
  });
});

describe("POST /jobs answers 422 to", () => {
  const message = (field: string, msg: string) => ({ loc: ["body", field], msg });
  test.for<[string, object, object]>([
    ["no title", { title: undefined }, message("title", "Field required")],
    ["an empty title", { title: "" }, message("title", "String should have at least 1 character")],
    [
      "a title with a NUL",
      { title: "a\u0000" },
      message("title", "String should have no NUL and no half of a character"),
    ],
    ["half a character", { title: "\ud800" }, message("title", "String should have no NUL and no half of a character")],
    ["no code_url", { code_url: undefined }, message("code_url", "Field required")],
    [
      "a code_url that is none",
      { code_url: "train.py" },
      message("code_url", "Input should be an https URL, or one of an object in the bucket"),
    ],
    [
      "a data_url of a scheme that nobody fetches",
      { data_url: "ftp://example.org/a" },
      message("data_url", "Input should be an https URL, or one of an object in the bucket"),
    ],
    ["neither project nor data", { data_url: undefined }, { loc: ["body"], msg: "Give project_id or data_url" }],
    [
      "both project and data",
      { project_id: randomUUID() },
      { loc: ["body"], msg: "Give project_id or data_url, not both" },
    ],
    [
      "chunks and rows per chunk",
      { chunks: 2, rows_per_chunk: 2 },
      { loc: ["body"], msg: "Give chunks or rows_per_chunk, not both" },
    ],
    ["a project_id that is no UUID", { project_id: "x" }, message("project_id", "Input should be a valid UUID")],
    ["no chunks at all", { chunks: 0 }, message("chunks", "Too small: expected number to be >=1")],
    ["too many chunks", { chunks: 10_000_000 }, message("chunks", "Too big: expected number to be <=9999999")],
    ["half a chunk", { chunks: 1.5 }, message("chunks", "Input should be a valid int")],
    ["chunks in words", { chunks: "8" }, message("chunks", "Input should be a valid number")],
    ["no rows per chunk", { rows_per_chunk: 0 }, message("rows_per_chunk", "Too small: expected number to be >=1")],
    ["a priority too high", { priority: 101 }, message("priority", "Too big: expected number to be <=100")],
    ["a priority too low", { priority: -101 }, message("priority", "Too small: expected number to be >=-100")],
    [
      "more than a week for a task",
      { task_timeout_seconds: 604_801 },
      message("task_timeout_seconds", "Too big: expected number to be <=604800"),
    ],
    ["no attempt", { max_attempts: 0 }, message("max_attempts", "Too small: expected number to be >=1")],
    [
      "memory that is no amount",
      { ram: "a lot" },
      message("ram", "Input should be an amount of memory, such as 16GB or a number of GB"),
    ],
    ["no memory", { ram: 0 }, message("ram", "Input should be an amount of memory, such as 16GB or a number of GB")],
    [
      "memory as a list",
      { ram: [16] },
      message("ram", "Input should be an amount of memory, such as 16GB or a number of GB"),
    ],
    ["tags in one string", { tags: "cuda" }, message("tags", "Input should be a valid array")],
    [
      "an aggregate that there is not",
      { aggregate: "sum" },
      message("aggregate", 'Invalid option: expected one of "none"|"concat"|"fedavg"|"auto"'),
    ],
    ["a field that nobody reads", { chunk: 3 }, { loc: ["body"], msg: 'Unrecognized key: "chunk"' }],
  ])("%s", async ([, wishes, fault]) => {
    const { status, body } = await create({ ...WISHES, ...wishes });
    expect(status).toBe(422);
    expect(body.detail).toContainEqual(expect.objectContaining(fault));
  });

  test("an idempotency key that is too long, in the header", async () => {
    const { status, body } = await create(WISHES, { headers: { "idempotency-key": "k".repeat(256) } });
    expect(status).toBe(422);
    expect(body.detail).toEqual([expect.objectContaining({ loc: ["header", "idempotency-key"] })]);
  });
});

describe("a URL that a job names", () => {
  test.for([
    ["data_url", "https://127.0.0.1:9199/rain.csv", "data_url leads to 127.0.0.1, which is no public address"],
    ["data_url", "https://2130706433/rain.csv", "data_url leads to 127.0.0.1, which is no public address"],
    ["data_url", "https://169.254.169.254/latest", "data_url leads to 169.254.169.254, which is no public address"],
    ["data_url", "https://[::ffff:10.0.0.1]/", "data_url leads to [::ffff:a00:1], which is no public address"],
    ["data_url", "http://example.org/rain.csv", "data_url must begin with https://"],
    ["code_url", "https://localhost/train.py", "code_url leads to localhost, which is no public address"],
    ["code_url", "https://ada:key@example.org/a", "code_url must not hold a user name or a password"],
    [
      "requirements_url",
      "https://metadata.google.internal/",
      "requirements_url leads to metadata.google.internal, which is no public address",
    ],
  ] as const)("is refused in %s: %s", async ([field, url, detail]) => {
    const refused = { status: 422, body: { detail, code: "address_not_public" } };
    expect(await create({ ...WISHES, [field]: url })).toMatchObject(refused);
  });

  test("is kept as the URL standard spells it", async () => {
    const typed = {
      code_url: "https://example.org\\@127.0.0.1/train.py",
      data_url: "https://ex\nample.org/rain fall.csv",
    };
    const { body } = await create({ ...WISHES, ...typed });
    expect(await jobOf(body.job_id)).toMatchObject({
      code_url: "https://example.org/@127.0.0.1/train.py",
      data_url: "https://example.org/rain%20fall.csv",
    });
  });

  test("is kept as a gs:// URL when it names an object of the bucket, in whatever way", async () => {
    const { body: first } = await create(WISHES);
    const object = `jobs/${first.job_id}/data/rain%20fall.csv`;
    const urls = [`gs://bucket/${decodeURIComponent(object)}`, `https://storage.googleapis.com/bucket/${object}?x=1`];
    for (const data_url of [...urls, `https://bucket.storage.googleapis.com/${object}`]) {
      const { status, body } = await create({ ...WISHES, data_url });
      expect(status).toBe(201);
      expect(await jobOf(body.job_id)).toMatchObject({
        data_url: `gs://bucket/jobs/${first.job_id}/data/rain fall.csv`,
      });
    }
  });

  test("is refused with 403 when it names an object that is another's, nobody's, or in another bucket", async () => {
    const { body: others } = await create(WISHES, { token: admin.token });
    for (const field of ["data_url", "code_url", "requirements_url"]) {
      for (const object of [
        `gs://bucket/jobs/${others.job_id}/data/data.csv`,
        `https://storage.googleapis.com/bucket/jobs%2F${others.job_id}/data/data.csv`,
        "gs://bucket/raw/somebody_secrets_v1.zip",
        "gs://bucket/tmp/x",
        "gs://elsewhere/data.csv",
      ]) {
        const refused = { status: 403, body: { code: "url_not_yours" } };
        expect(await create({ ...WISHES, [field]: object })).toMatchObject(refused);
      }
    }
  });
});
