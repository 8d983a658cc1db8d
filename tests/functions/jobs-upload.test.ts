import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firstOf, runsOf } from "../db/scene.ts";
import { startFunctions } from "./start-functions.ts";

type User = { id: string; token: string };
let functions: Awaited<ReturnType<typeof startFunctions>>;
let owner: User;
beforeAll(async () => {
  functions = await startFunctions();
  owner = await functions.createUser();
  await setOpenEnrollment(true);
});
afterAll(() => functions.close());

const setOpenEnrollment = (open: boolean) =>
  functions.db.sql("update corral.settings set open_enrollment = $1", [open]);

const MiB = 1024 * 1024;
const FILES = {
  file_code: new File(["print('rain')\n"], "train.py", { type: "text/x-python" }),
  file_req: new File(["numpy\n"], "requirements.txt", { type: "text/plain" }),
  file_data: new File(["day,rain\n1,0.3\n2,0\n"], "data.csv", { type: "text/csv" }),
};

/** Uploads a job's form as the seeds' clients do, but for what is changed; undefined leaves a field out. */
function upload(changes: Record<string, string | File | undefined> = {}, token?: string) {
  const form = new FormData();
  const fields = { title: "Rain", user_id: owner.id, ...FILES, ...changes };
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.append(name, value);
  return functions.call("/jobs/upload", { method: "POST", body: form, token });
}

const jobOf = async (id: unknown) =>
  firstOf(
    await functions.db.sql(
      `select j.*, r.ram_gb, r.gpu_model, r.tags from corral.jobs j join corral.requirements r on r.id = j.requirement_id
        where j.id = $1`,
      [id],
    ),
  );
const contentOf = async (object: string) => String((await functions.bucket.file(object).download())[0]);
const countJobs = async () => firstOf(await functions.db.sql("select count(*)::int as count from corral.jobs")).count;

describe("POST /jobs/upload_url", () => {
  const open = (body: unknown, token: string | undefined = owner.token) =>
    functions.call("/jobs/upload_url", { method: "POST", body, token });

  test("lets a user put a file where only his own jobs have it read", async () => {
    const { status, body } = await open({ filename: "rain.csv", content_type: "text/csv" });
    expect(status).toBe(200);
    expect(body).toEqual({
      url: expect.stringMatching(/^http/),
      method: "PUT",
      headers: { "content-type": "text/csv" },
      object_url: expect.stringMatching(new RegExp(`^gs://bucket/uploads/${owner.id}/[0-9a-f-]{36}/rain\\.csv$`)),
      expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const put = await fetch(body.url, { method: body.method, headers: body.headers, body: "a\n1\n" });
    expect(put.status).toBe(200);
    const wishes = { title: "Rain", data_url: body.object_url, code_url: "https://example.org/train.py" };
    const made = await functions.call("/jobs", { method: "POST", body: wishes, token: owner.token });
    expect(made.status).toBe(201);
    const stranger = await functions.createUser();
    const stolen = await functions.call("/jobs", { method: "POST", body: wishes, token: stranger.token });
    expect(stolen).toMatchObject({ status: 403, body: { code: "url_not_yours" } });
    const { body: job } = await functions.call(`/jobs/${made.body.job_id}`, { token: owner.token });
    expect(await (await fetch(job.original_data_url)).text()).toBe("a\n1\n");
  });

  test("gives each file a place of its own, whatever its type is", async () => {
    const replies = [await open({ filename: "rain.csv" }), await open({ filename: "rain.csv" })];
    expect(new Set(replies.map(({ body }) => body.object_url)).size).toBe(2);
    expect(replies[0]?.body.headers).toEqual({ "content-type": "application/octet-stream" });
  });

  test.for(["", "../rain.csv", "a/b", "a\\b", "..", "a\nb", "x".repeat(201)])(
    "answers 422 to %j, which is no file's name",
    async (filename) => {
      expect((await open({ filename })).status).toBe(422);
    },
  );

  test("answers 422 to a content type that is no header's", async () => {
    for (const content_type of ["", "text/csv\nx-goog-acl: public-read", "text/ü"]) {
      expect((await open({ filename: "rain.csv", content_type })).status).toBe(422);
    }
  });

  test("is for callers without a token only in open enrollment", async () => {
    const openWithoutToken = () =>
      functions.call("/jobs/upload_url", { method: "POST", body: { filename: "rain.csv" } });
    expect((await openWithoutToken()).status).toBe(200);
    await setOpenEnrollment(false);
    expect(await openWithoutToken()).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    await setOpenEnrollment(true);
  });
});

describe("POST /jobs/upload", () => {
  test("answers in the seed's words, stores the three files, and has the data split", async () => {
    const { status, body } = await upload();
    expect(status).toBe(200);
    expect(body).toEqual({
      job_id: expect.any(Number),
      message: "Upload successful! Splitting data in background.",
      status: "PROCESSING",
    });
    const folder = `jobs/${body.job_id}`;
    expect(await contentOf(`${folder}/code/train.py`)).toBe("print('rain')\n");
    expect(await contentOf(`${folder}/requirements/requirements.txt`)).toBe("numpy\n");
    expect(await contentOf(`${folder}/data/data.csv`)).toBe("day,rain\n1,0.3\n2,0\n");
    const [metadata] = await functions.bucket.file(`${folder}/data/data.csv`).getMetadata();
    expect(metadata.contentType).toBe("text/csv");
    expect(await jobOf(body.job_id)).toMatchObject({
      owner_id: owner.id,
      title: "Rain",
      is_draft: false,
      code_url: `gs://bucket/${folder}/code/train.py`,
      requirements_url: `gs://bucket/${folder}/requirements/requirements.txt`,
      data_url: `gs://bucket/${folder}/data/data.csv`,
      chunks: 8,
      aggregate: "auto",
    });
    expect(await runsOf(functions.db, String(body.job_id))).toMatchObject([{ kind: "split" }]);
  });

  test("keeps the kind of file that a name tells, and no other part of the name", async () => {
    const names = [
      ["../../2/data.TSV", "data.tsv"],
      ["weather.jsonl.gz", "data.jsonl.gz"],
      ["archive.zip", "data.zip"],
      ["table.parquet", "data.parquet"],
      // A name that says nothing: the data's content tells what it is.
      ["rain", "data"],
      ["rain.exe", "data"],
    ] as const;
    for (const [name, stored] of names) {
      const { body } = await upload({
        file_data: new File(["a\n1\n"], name),
        file_code: new File(["//"], "model.mjs"),
      });
      expect(await jobOf(body.job_id)).toMatchObject({
        data_url: `gs://bucket/jobs/${body.job_id}/data/${stored}`,
        code_url: `gs://bucket/jobs/${body.job_id}/code/train.mjs`,
      });
      expect(await contentOf(`jobs/${body.job_id}/data/${stored}`)).toBe("a\n1\n");
    }
  });

  test("takes the wishes that POST /jobs takes", async () => {
    const { status, body } = await upload({
      rows_per_chunk: "5000",
      data_file: "rain.csv",
      task_timeout_seconds: "60",
      max_attempts: "5",
      priority: "-7",
      ram: "16GB",
      gpu_model: "RTX",
      tags: "cuda, linux",
      aggregate: "concat",
      swarm: "default",
    });
    expect(status).toBe(200);
    expect(await jobOf(body.job_id)).toMatchObject({
      chunks: null,
      rows_per_chunk: "5000",
      data_file: "rain.csv",
      task_timeout_seconds: 60,
      max_attempts: 5,
      priority: -7,
      ram_gb: 16,
      gpu_model: "rtx",
      tags: ["cuda", "linux"],
      aggregate: "concat",
    });
  });

  test("takes a user's own job by his token, and requirements that ask for nothing", async () => {
    const { status, body } = await upload(
      { user_id: undefined, file_req: new File([], "requirements.txt") },
      owner.token,
    );
    expect(status).toBe(200);
    expect(await jobOf(body.job_id)).toMatchObject({ owner_id: owner.id, is_open: false });
  });

  test.for(["user-7", "", "00000000-0000-4000-8000-000000000000"])(
    "answers 404 for user_id %j, who is nobody, and makes no job",
    async (user_id) => {
      const before = await countJobs();
      expect(await upload({ user_id })).toMatchObject({ status: 404, body: { code: "user_not_found" } });
      expect(await countJobs()).toBe(before);
    },
  );

  test("makes a user's jobs for nobody else", async () => {
    const stranger = await functions.createUser();
    expect(await upload({}, stranger.token)).toMatchObject({ status: 404, body: { code: "user_not_found" } });
  });

  test("is not for callers without a token where enrollment is closed", async () => {
    await setOpenEnrollment(false);
    expect(await upload()).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    expect((await upload({}, owner.token)).status).toBe(200);
    await setOpenEnrollment(true);
  });

  test.for<[string, Record<string, string | File | undefined>, object]>([
    ["no title", { title: undefined }, { loc: ["body", "title"], msg: "Field required" }],
    ["no data", { file_data: undefined }, { loc: ["body", "file_data"], msg: "Field required" }],
    ["data in words", { file_data: "a,b" }, { loc: ["body", "file_data"], msg: "Input should be a file" }],
    ["empty data", { file_data: new File([], "data.csv") }, { loc: ["body", "file_data"], msg: "The file is empty" }],
    ["empty code", { file_code: new File([], "train.py") }, { loc: ["body", "file_code"], msg: "The file is empty" }],
    ["chunks in words", { chunks: "eight" }, { loc: ["body", "chunks"], msg: "Input should be a valid integer" }],
    ["no chunk", { chunks: "0" }, { loc: ["body", "chunks"], msg: "Too small: expected number to be >=1" }],
    ["chunks twice", { chunks: "2", rows_per_chunk: "2" }, { msg: "Give chunks or rows_per_chunk, not both" }],
    ["a field that nobody reads", { chunk: "2" }, { msg: 'Unrecognized key: "chunk"' }],
    ["memory that is no amount", { ram: "much" }, { loc: ["body", "ram"] }],
  ])("answers 422 to %s", async ([, changes, fault]) => {
    const { status, body } = await upload(changes);
    expect(status).toBe(422);
    expect(body.detail).toEqual([expect.objectContaining(fault)]);
  });

  test("answers 422 to what is no form", async () => {
    const reply = await functions.call("/jobs/upload", { method: "POST", body: { title: "Rain" } });
    expect(reply.status).toBe(422);
    const broken = { "content-type": "multipart/form-data; boundary=x" };
    const { status, body } = await functions.call("/jobs/upload", { method: "POST", body: "--y", headers: broken });
    expect([status, body.detail]).toEqual([422, [expect.objectContaining({ loc: ["body"], type: "form_invalid" })]]);
  });

  test("takes data of almost 32 MiB, several at once, and names the other way for more", async () => {
    const large = () => upload({ file_data: new File([new Uint8Array(31 * MiB).fill(48)], "data.csv") });
    const replies = await Promise.all([large(), large(), large()]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const { body } of replies) {
      const [metadata] = await functions.bucket.file(`jobs/${body.job_id}/data/data.csv`).getMetadata();
      expect(Number(metadata.size)).toBe(31 * MiB);
    }
    const { status, body } = await upload({ file_data: new File([new Uint8Array(32 * MiB)], "data.csv") });
    expect(status).toBe(413);
    expect(body).toMatchObject({ code: "body_too_large", detail: expect.stringMatching(/POST \/jobs.*data_url/) });
  });

  test("leaves a draft that no agent sees when the bucket takes nothing, and answers 503", async () => {
    await functions.bucket.deleteFiles();
    await functions.bucket.delete();
    const title = randomUUID();
    expect(await upload({ title })).toMatchObject({ status: 503, body: { code: "storage_unavailable" } });
    const job = firstOf(await functions.db.sql("select * from corral.jobs where title = $1", [title]));
    expect(job).toMatchObject({ status: "PROCESSING", is_draft: true });
    expect(await runsOf(functions.db, String(job.id))).toEqual([]);
  });
});
