import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cloneDatabase, type Row, type TestDatabase } from "../setup/database.ts";
import { openEnrollment } from "./fleet-scene.ts";
import { addProject, addUser, call, firstOf, runOf, runsOf } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
let ann: string;
let bob: string;
beforeAll(async () => {
  db = await cloneDatabase();
  ann = await addUser(db);
  bob = await addUser(db);
});
afterAll(() => db.drop());
beforeEach(() => openEnrollment(db));

/** Who asks: a user's id, `admin`, or nobody. */
type Caller = string | null;
const as = (caller: Caller) => (caller === "admin" ? [null, true] : [caller, false]);
const CREATE = "select * from public.create_job($1, $2, $3)";
const spec = (wishes: Row) => JSON.stringify({ title: "Rain", data_url: "https://example.com/rain.csv", ...wishes });
const create = async (caller: Caller, wishes: Row = {}): Promise<Row> =>
  firstOf(await db.sql(CREATE, [spec(wishes), ...as(caller)]));
const createId = async (caller: Caller, wishes: Row = {}) => Number((await create(caller, wishes)).job_id);
const jobRow = async (job: unknown) => firstOf(await db.sql("select * from corral.jobs where id = $1", [job]));
const submit = (caller: Caller, job: unknown, urls: (string | null)[]) =>
  call(db, "public.submit_job($1, $2, $3, $4, $5, $6)", [
    job,
    ...[0, 1, 2].map((index) => urls[index] ?? null),
    ...as(caller),
  ]);

describe("create_job", () => {
  test("makes a job of the caller's with all that it was told, and the run that splits its data", async () => {
    const { outcome, job_id } = await create(ann, {
      title: "Weather",
      data_url: "https://example.com/a.csv",
      data_file: "a.csv",
      code_url: "https://example.com/a.py",
      requirements_url: "https://example.com/a.txt",
      rows_per_chunk: 100,
      task_timeout_seconds: 60,
      max_attempts: 5,
      priority: 7,
      ram_gb: 15.5,
      gpu_model: "Any",
      tags: ["b", "A"],
      aggregate: "fedavg",
    });
    expect(outcome).toBe("created");
    const row = await jobRow(job_id);
    expect(row).toMatchObject({
      owner_id: ann,
      is_open: false,
      title: "Weather",
      status: "PROCESSING",
      is_draft: false,
      data_url: "https://example.com/a.csv",
      data_file: "a.csv",
      code_url: "https://example.com/a.py",
      requirements_url: "https://example.com/a.txt",
      chunks: null,
      rows_per_chunk: "100",
      task_timeout_seconds: 60,
      max_attempts: 5,
      priority: 7,
      aggregate: "fedavg",
    });
    expect(
      firstOf(
        await db.sql("select ram_gb, gpu_model, tags from corral.requirements where id = $1", [row.requirement_id]),
      ),
    ).toEqual({ ram_gb: 16, gpu_model: "any", tags: ["a", "b"] });
    expect(await runsOf(db, String(job_id))).toMatchObject([{ kind: "split", state: "queued", job_id }]);
  });

  test("fills in what it was not told", async () => {
    expect(await jobRow(await createId(ann))).toMatchObject({
      task_timeout_seconds: 3600,
      max_attempts: 3,
      priority: 0,
      aggregate: "none",
      chunks: 8,
      rows_per_chunk: null,
      total_tasks: null,
    });
  });

  test("makes a draft without a run", async () => {
    const job = await createId(ann, { draft: true, data_url: null });
    expect(await jobRow(job)).toMatchObject({ is_draft: true, status: "PROCESSING" });
    expect(await runsOf(db, String(job))).toEqual([]);
  });

  test("answers the same idempotency key of the same owner with the same job", async () => {
    const idempotency_key = randomUUID();
    const first = await create(ann, { idempotency_key });
    expect(await create(ann, { idempotency_key, chunks: null })).toEqual({ ...first, outcome: "existing" });
    expect((await create(bob, { idempotency_key })).job_id).not.toBe(first.job_id);
    const open = await create(null, { idempotency_key });
    expect(open.outcome).toBe("created");
    expect(await create(null, { idempotency_key })).toEqual({ ...open, outcome: "existing" });
    expect(await runsOf(db, String(first.job_id))).toHaveLength(1);
  });

  test("answers a key that came with other wishes with no job", async () => {
    const idempotency_key = randomUUID();
    const { job_id } = await create(ann, { idempotency_key });
    const refused = { outcome: "idempotency_conflict", job_id: null };
    expect(await create(ann, { idempotency_key, title: "Other" })).toEqual(refused);
    expect(await create(ann, { idempotency_key, code_url: "https://example.com/b.py" })).toEqual(refused);
    expect(await create(ann, { idempotency_key })).toEqual({ outcome: "existing", job_id });
  });

  test("keeps an owner's keys apart from those of whoever names him without a token", async () => {
    for (const callers of [
      [null, ann],
      [ann, null],
    ]) {
      const wishes = { idempotency_key: randomUUID(), user_id: ann };
      for (const caller of callers) {
        const { outcome, job_id } = await create(caller, { ...wishes, code_url: `https://example.com/${caller}.py` });
        expect(outcome).toBe("created");
        expect(await jobRow(job_id)).toMatchObject({ owner_id: ann, is_open: caller === null });
      }
    }
  });

  test("waits for whoever uses the same key at the same moment", async () => {
    const wishes = spec({ idempotency_key: "at once" });
    const client = await db.connect();
    await client.query("begin");
    const { rows } = await client.query(CREATE, [wishes, ann, false]);
    const second = await startBlocked<Row>(db, CREATE, [wishes, ann, false]);
    await client.query("commit");
    expect(await second.result).toEqual({ outcome: "existing", job_id: rows[0]?.job_id });
  });

  test("lets admins and callers without a token say whose the job is, and nobody else", async () => {
    expect(await jobRow(await createId("admin", { user_id: ann }))).toMatchObject({ owner_id: ann, is_open: false });
    expect(await jobRow(await createId("admin"))).toMatchObject({ owner_id: null, is_open: false });
    expect(await jobRow(await createId(null, { user_id: ann }))).toMatchObject({ owner_id: ann, is_open: true });
    expect(await jobRow(await createId(null))).toMatchObject({ owner_id: null, is_open: true });
    expect(await jobRow(await createId(ann, { user_id: ann }))).toMatchObject({ owner_id: ann });
    for (const caller of [ann, null, "admin"]) {
      const user_id = caller === ann ? bob : randomUUID();
      expect(await create(caller, { user_id })).toEqual({ outcome: "user_not_found", job_id: null });
    }
    expect(await create(randomUUID())).toEqual({ outcome: "user_not_found", job_id: null });
  });

  test("is closed to callers without a token where enrollment is", async () => {
    await db.sql("update corral.settings set open_enrollment = false");
    expect(await create(null)).toEqual({ outcome: "unauthorized", job_id: null });
    expect(await create(ann)).toMatchObject({ outcome: "created" });
    expect(await create("admin")).toMatchObject({ outcome: "created" });
  });

  test("gives work only to swarms that are there and the caller's or everybody's", async () => {
    await db.sql("select corral.create_swarm('bobs', $1)", [bob]);
    expect(await create(bob, { swarm: "bobs" })).toMatchObject({ outcome: "created" });
    expect(await create("admin", { swarm: "bobs" })).toMatchObject({ outcome: "created" });
    for (const caller of [ann, null])
      expect(await create(caller, { swarm: "bobs" })).toEqual({ outcome: "swarm_not_found", job_id: null });
    expect(await create(ann, { swarm: "nowhere" })).toEqual({ outcome: "swarm_not_found", job_id: null });
    await db.sql("select corral.create_swarm('everybodys')");
    const job = await jobRow(await createId(ann, { swarm: "everybodys" }));
    expect(await call(db, "(select name from corral.swarms where id = $1)", [job.swarm_id])).toBe("everybodys");
  });
});

describe("the data of a project", () => {
  const addDataset = async (project: string, url: string) =>
    db.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, 'a/b', $2)", [project, url]);

  test("is its newest dataset, for its owner, whose the job is", async () => {
    const { id } = await addProject(db, { user_id: ann });
    await addDataset(id, "gs://bucket/raw/a_b_v1.zip");
    await db.sql("update public.datasets set created_at = created_at - interval '1 day' where project_id = $1", [id]);
    await addDataset(id, "gs://bucket/raw/a_b_v2.zip");
    for (const caller of [ann, "admin"]) {
      expect(await jobRow(await createId(caller, { project_id: id, data_url: null }))).toMatchObject({
        project_id: id,
        data_url: "gs://bucket/raw/a_b_v2.zip",
        owner_id: ann,
      });
    }
    for (const caller of [bob, null]) {
      expect(await create(caller, { project_id: id })).toEqual({ outcome: "project_not_found", job_id: null });
    }
  });

  test("that nobody owns is there for callers without a token", async () => {
    const { id } = await addProject(db, { user_id: null });
    await addDataset(id, "gs://bucket/raw/a_b_v1.zip");
    expect(await jobRow(await createId(null, { project_id: id, data_url: null }))).toMatchObject({
      project_id: id,
      owner_id: null,
    });
  });

  test("has to be there", async () => {
    const { id } = await addProject(db, { user_id: ann });
    expect(await create(ann, { project_id: id })).toEqual({ outcome: "dataset_missing", job_id: null });
    expect(await create(ann, { project_id: randomUUID() })).toEqual({ outcome: "project_not_found", job_id: null });
  });
});

describe("an object of the bucket", () => {
  test.each(["data_url", "code_url", "requirements_url"])("that is another's is refused as %s", async (field) => {
    const bobs = await createId(bob);
    const url = `gs://bucket/jobs/${bobs}/data/data.csv`;
    expect(await create(ann, { [field]: url })).toEqual({ outcome: "url_not_yours", job_id: null });
    expect(await create(null, { [field]: url })).toEqual({ outcome: "url_not_yours", job_id: null });
    expect(await create(bob, { [field]: url })).toMatchObject({ outcome: "created" });
    expect(await create("admin", { [field]: url })).toMatchObject({ outcome: "created" });
  });

  test("is the owner's where one of his projects got it, or he put it there", async () => {
    const { id } = await addProject(db, { user_id: ann });
    await db.sql(
      "insert into public.datasets (project_id, name, gcs_url) values ($1, 'a', 'gs://bucket/raw/a_v1.zip')",
      [id],
    );
    const outcomes = async (url: string) => [
      (await create(ann, { data_url: url })).outcome,
      (await create(bob, { data_url: url })).outcome,
      (await create(null, { data_url: url })).outcome,
    ];
    const refused = "url_not_yours";
    expect(await outcomes("gs://bucket/raw/a_v1.zip")).toEqual(["created", refused, refused]);
    expect(await outcomes("gs://bucket/raw/a_v2.zip")).toEqual([refused, refused, refused]);
    expect(await outcomes(`gs://bucket/uploads/${ann}/a.csv`)).toEqual(["created", refused, refused]);
    expect(await outcomes("gs://bucket/uploads/open/a.csv")).toEqual([refused, refused, "created"]);
    expect(await outcomes("gs://bucket/other/a.csv")).toEqual([refused, refused, refused]);
    expect(await outcomes(`gs://bucket/raw/jobs/1/a.csv`)).toEqual([refused, refused, refused]);
  });

  test("that callers without a token may name is one of theirs", async () => {
    const { id } = await addProject(db, { user_id: null });
    await db.sql(
      "insert into public.datasets (project_id, name, gcs_url) values ($1, 'a', 'gs://bucket/raw/o_v1.zip')",
      [id],
    );
    const job = await createId(null);
    for (const data_url of ["gs://bucket/raw/o_v1.zip", `gs://bucket/jobs/${job}/data/data.csv`]) {
      expect(await create(null, { data_url })).toMatchObject({ outcome: "created" });
      expect(await create(ann, { data_url })).toMatchObject({ outcome: "url_not_yours" });
    }
    const closed = await createId("admin");
    const data_url = `gs://bucket/jobs/${closed}/data/data.csv`;
    expect(await create(null, { data_url })).toMatchObject({ outcome: "url_not_yours" });
  });

  test("does not become a caller's who has no token by his naming its owner", async () => {
    const { id } = await addProject(db, { user_id: ann });
    await db.sql(
      "insert into public.datasets (project_id, name, gcs_url) values ($1, 'a', 'gs://bucket/raw/n_v1.zip')",
      [id],
    );
    for (const data_url of [
      "gs://bucket/raw/n_v1.zip",
      `gs://bucket/uploads/${ann}/a.csv`,
      `gs://bucket/jobs/${await createId(ann)}/data/data.csv`,
    ]) {
      expect(await create(null, { user_id: ann, data_url })).toEqual({ outcome: "url_not_yours", job_id: null });
      expect(await create(ann, { user_id: ann, data_url })).toMatchObject({ outcome: "created" });
    }
  });

  test("is named in one way only, by its own name", async () => {
    const folder = `gs://bucket/uploads/${ann}`;
    for (const url of [
      `${folder}/../${bob}/a.csv`,
      `${folder}/./a.csv`,
      `${folder}/..`,
      `GS://bucket/uploads/${ann}/a.csv`,
      `/bucket/uploads/${ann}/a.csv`,
      "javascript:alert(1)",
    ])
      expect.soft(await create(ann, { code_url: url }), url).toEqual({ outcome: "url_not_yours", job_id: null });
    expect(await create(ann, { code_url: `${folder}/..a/b..csv` })).toMatchObject({ outcome: "created" });
  });
});

describe("the folder for uploads", () => {
  const folder = async (caller: Caller) =>
    firstOf(await db.sql("select * from public.find_upload_folder($1, $2)", as(caller)));

  test("is each caller's own", async () => {
    expect(await folder(ann)).toEqual({ outcome: "allowed", folder: `uploads/${ann}` });
    expect(await folder(null)).toEqual({ outcome: "allowed", folder: "uploads/open" });
    expect(await folder("admin")).toEqual({ outcome: "allowed", folder: "uploads/admin" });
    await db.sql("update corral.settings set open_enrollment = false");
    expect(await folder(null)).toMatchObject({ outcome: "unauthorized" });
    expect(await folder(ann)).toMatchObject({ outcome: "allowed" });
    expect(await folder("admin")).toMatchObject({ outcome: "allowed" });
  });
});

describe("submit_job", () => {
  const file = (job: number, name: string) => `gs://bucket/jobs/${job}/${name}`;

  test("ends a draft with the URLs of its files, and starts the split, once", async () => {
    const job = await createId(ann, { draft: true, data_url: null });
    const urls = [file(job, "data/data.csv"), file(job, "code/train.py"), file(job, "requirements/requirements.txt")];
    expect(await submit(ann, job, urls)).toBe("submitted");
    expect(await jobRow(job)).toMatchObject({
      is_draft: false,
      data_url: urls[0],
      code_url: urls[1],
      requirements_url: urls[2],
    });
    expect(await submit(ann, job, ["https://example.com/other.csv"])).toBe("submitted");
    expect((await jobRow(job)).data_url).toBe(urls[0]);
    expect(await runsOf(db, String(job))).toHaveLength(1);
  });

  test("is for the owner, admins, and callers without a token where they made it", async () => {
    const job = await createId(ann, { draft: true });
    expect(await submit(bob, job, ["https://example.com/a.csv"])).toBe("job_not_found");
    expect(await submit(null, job, ["https://example.com/a.csv"])).toBe("job_not_found");
    expect(await submit(ann, 77777, ["https://example.com/a.csv"])).toBe("job_not_found");
    expect(await submit("admin", 77777, ["https://example.com/a.csv"])).toBe("job_not_found");
    expect(await submit("admin", job, ["https://example.com/a.csv"])).toBe("submitted");
    const open = await createId(null, { draft: true });
    expect(await submit(null, open, ["https://example.com/a.csv"])).toBe("submitted");
    await db.sql("update corral.settings set open_enrollment = false");
    expect(await submit(null, open, ["https://example.com/a.csv"])).toBe("unauthorized");
  });

  test("takes no object that is another's", async () => {
    const bobs = file(await createId(bob), "data/data.csv");
    const job = await createId(ann, { draft: true });
    const own = file(job, "data/data.csv");
    for (const urls of [[bobs], [own, bobs], [own, own, bobs]])
      expect(await submit(ann, job, urls)).toBe("url_not_yours");
    expect(await jobRow(job)).toMatchObject({ is_draft: true });
  });

  test("does not start a draft that was cancelled", async () => {
    const job = await createId(ann, { draft: true });
    await db.sql("select public.control_job($1, 'cancel', $2)", [job, ann]);
    expect(await submit(ann, job, [file(job, "data/data.csv")])).toBe("submitted");
    expect(await jobRow(job)).toMatchObject({ status: "CANCELLED", is_draft: true });
    expect(await runsOf(db, String(job))).toEqual([]);
  });
});

describe("a job whose owner is deleted", () => {
  test("goes, with its tasks and its run", async () => {
    const carl = await addUser(db);
    const job = await createId(carl);
    await db.sql("insert into corral.tasks (id) values ($1)", [job * 1e7 + 1]);
    await db.sql("insert into corral.finished_tasks (id, attempt, failures, state) values ($1, 1, 0, 'COMPLETED')", [
      job * 1e7 + 2,
    ]);
    await db.sql("delete from auth.users where id = $1", [carl]);
    expect(await db.sql("select from corral.jobs where id = $1", [job])).toEqual([]);
    for (const table of ["tasks", "finished_tasks"])
      expect(await db.sql(`select from corral.${table} where corral.job_of(id) = $1`, [job])).toEqual([]);
    expect(await runOf(db, String(job))).toMatchObject({ state: "cancelled", error_code: "job_cancelled" });
  });

  test("leaves the tasks and the runs of all others alone", async () => {
    const carl = await addUser(db);
    await createId(carl);
    const other = await createId(ann);
    await db.sql("insert into corral.tasks (id) values ($1), ($2)", [other * 1e7 + 1, other * 1e7 + 9999999]);
    await db.sql("delete from auth.users where id = $1", [carl]);
    expect(await db.sql("select from corral.tasks where corral.job_of(id) = $1", [other])).toHaveLength(2);
    expect(await runOf(db, String(other))).toMatchObject({ state: "queued" });
  });
});
