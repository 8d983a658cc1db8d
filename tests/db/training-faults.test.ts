import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { createJobFiles } from "../../functions/jobs/job-files.ts";
import { PRIVATE_SUFFIXES } from "../../shared/cloud/public-url.ts";
import { createJobRequest } from "../../shared/contract/jobs.ts";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { cancelAllJobs, openEnrollment } from "./fleet-scene.ts";
import { addProject, addRunningProject, addUser, call, firstOf, PUBLISH, runOf, statusOf } from "./scene.ts";
import { addTrainable, jobsOf, setMetadata, setStatus } from "./training-scene.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());
beforeEach(() => cancelAllJobs(db));

const code_url = "https://example.com/train.py";

/** What the owner of such a project reads when it enters pending_training. */
async function faultOf(training: unknown): Promise<unknown> {
  const { id, owner } = await addTrainable(db, { training });
  await setStatus(db, id, "pending_training");
  if ((await statusOf(db, id)) === "pending_training") return null;
  expect(await statusOf(db, id)).toBe("failed");
  expect(await jobsOf(db, id)).toEqual([]);
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

/** What is wrong with a training, looked at alone. */
const findFault = (training: unknown) =>
  call<string | null>(db, "corral.find_training_fault($1)", [JSON.stringify(training)]);

describe("a training that makes no sense", () => {
  const whole = (field: string, from: number, to: number) =>
    `metadata.training.${field} is no whole number from ${from} to ${to}.`;
  const text = (field: string, max: number) => `metadata.training.${field} is no text of 1 to ${max} characters.`;
  const tags = "metadata.training.tags is no list of at most 16 texts of 1 to 64 characters.";
  const ram = "metadata.training.ram is no amount of memory, such as 16GB or a number of GB.";
  const missing = "metadata.training.code_url is missing: it says where the agents find the code.";

  test.each<[unknown, string]>([
    [[], "metadata.training is no JSON object."],
    ["train.py", "metadata.training is no JSON object."],
    [null, "metadata.training is no JSON object."],
    [{}, missing],
    [{ code_url: null }, missing],
    [{ code_url: "" }, text("code_url", 4096)],
    [{ code_url: 5 }, text("code_url", 4096)],
    [{ code_url, aggregate: "sum" }, "metadata.training.aggregate is none of none, concat, fedavg, auto."],
    [{ code_url, aggregate: ["none"] }, "metadata.training.aggregate is none of none, concat, fedavg, auto."],
    [{ code_url, title: 5 }, text("title", 256)],
    [{ code_url, requirements_url: {} }, text("requirements_url", 4096)],
    [{ code_url, data_file: [] }, text("data_file", 1024)],
    [{ code_url, swarm: 1 }, text("swarm", 64)],
    [{ code_url, gpu_model: "g".repeat(20_000) }, text("gpu_model", 128)],
    [{ code_url, chunks: 0 }, whole("chunks", 1, 9999999)],
    [{ code_url, rows_per_chunk: 1e13 }, whole("rows_per_chunk", 1, 1e12)],
    [{ code_url, max_attempts: 101 }, whole("max_attempts", 1, 100)],
    [{ code_url, task_timeout_seconds: 0 }, whole("task_timeout_seconds", 1, 604800)],
    [{ code_url, priority: -101 }, whole("priority", -100, 100)],
    [{ code_url, chunks: 2, rows_per_chunk: 2 }, "metadata.training has chunks and rows_per_chunk. Give one of them."],
    [{ code_url, ram: "a lot" }, ram],
    [{ code_url, ram: 1e300 }, ram],
    [{ code_url, tags: "cuda" }, tags],
    [{ code_url, tags: [["a"], "b"] }, tags],
    [{ code_url, tags: ["t".repeat(20_000)] }, tags],
    [{ code_url, ram_gb: 64 }, "metadata.training.ram_gb is nothing that a training says."],
    [{ code_url, data_url: code_url }, "metadata.training.data_url is nothing that a training says."],
    [{ code_url, draft: true }, "metadata.training.draft is nothing that a training says."],
    [{ code_url, user_id: randomUUID() }, "metadata.training.user_id is nothing that a training says."],
    [{ code_url, swarm: "nowhere" }, "metadata.training.swarm is no swarm."],
  ])("fails the project, whose owner reads why: %j", async (training, fault) => {
    expect(await faultOf(training)).toBe(fault);
  });

  test("is not one whose fields are left out, by null or altogether", async () => {
    const fields = ["title", "requirements_url", "swarm", "chunks", "priority", "ram", "tags", "aggregate", "epochs"];
    expect(await faultOf({ code_url, ...Object.fromEntries(fields.map((field) => [field, null])) })).toBeNull();
    expect(await faultOf({ code_url, chunks: 9999999, priority: -100, tags: [], aggregate: "auto" })).toBeNull();
  });

  test("is one whose numbers are whole but not written so, as no number of a job could be", async () => {
    expect(await call(db, `corral.find_training_fault('{"code_url": "${code_url}", "chunks": 5.0}')`)).toBe(
      whole("chunks", 1, 9999999),
    );
  });

  test("is one whose project has no dataset", async () => {
    const { id } = await addProject(db, { status: "pending_training", metadata: { training: { code_url } } });
    expect(await db.sql("select message from public.agent_logs where project_id = $1", [id])).toEqual([
      { message: "The training cannot start: it has no dataset." },
    ]);
  });

  test("does not fail the run that brings the dataset", async () => {
    const metadata = { training: { code_url, gpu_model: "g".repeat(20_000) } };
    const { id, run, attempt } = await addRunningProject(db, { metadata });
    await db.sql(`select ${PUBLISH}`, [run, attempt]);
    expect(await runOf(db, id)).toMatchObject({ state: "succeeded" });
    expect(await statusOf(db, id)).toBe("failed");
    await setMetadata(db, id, { training: { code_url } });
    await setStatus(db, id, "pending_training");
    expect(await jobsOf(db, id)).toHaveLength(1);
  });

  test("is one for a swarm that is another's", async () => {
    const other = await addUser(db);
    await db.sql("select corral.create_swarm('guarded', $1)", [other]);
    expect(await faultOf({ code_url, swarm: "guarded" })).toBe("metadata.training.swarm is no swarm.");
    const { id } = await addTrainable(db, { training: { code_url, swarm: "guarded" } }, null);
    await setStatus(db, id, "pending_training");
    expect(await jobsOf(db, id)).toEqual([]);
    const own = await addTrainable(db, { training: { code_url, swarm: "guarded" } }, other);
    await setStatus(db, own.id, "pending_training");
    expect(await jobsOf(db, own.id)).toHaveLength(1);
  });
});

describe("a training's URL", () => {
  const PUBLIC = [
    code_url,
    "https://Example.COM/a/b.py?key=%41&x=(1)#part",
    "https://raw.githubusercontent.com/ada/rain/main/train.py",
    "https://my_bucket.s3.eu-west-1.amazonaws.com:8443?list",
    "https://xn--mnchen-3ya.de",
  ];
  /** All the ways to name another's object, or what is no public host. */
  const REFUSED = [
    "not a url",
    "train.py",
    " https://example.com/",
    "http://example.com/train.py",
    "http://127.0.0.1:1/x.py",
    "http://169.254.169.254/x.py",
    "HTTPS://example.com/",
    "https:/example.com/",
    "https:\\\\example.com/",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "data:text/plain,print()",
    "GS://bucket/jobs/1/data/data.csv",
    "gs://bucket",
    "https://",
    "https://localhost/",
    "https://metadata/",
    ...PRIVATE_SUFFIXES.map((suffix) => `https://ada.${suffix.toUpperCase()}/`),
    ...[
      "127.0.0.1",
      "127.0.0.1.",
      "8.8.8.8",
      "2130706433",
      "0x7f.1",
      "1.2.3.0x4",
      "[::1]",
      "[2001:4860:4860::8888]",
    ].map((ip) => `https://${ip}/x.py`),
    "https://example.com./",
    "https://ada@example.com/",
    "https://ada:lovelace@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/a\\b",
    "https://ex\nample.com/",
    "https://example.com/a\tb",
    "https://example.com/a b",
    "https://example.com/ü",
    "https://exa%6dple.com/",
    "https://ｅxample.com/",
    "https://example.com:99999/",
    "https://example.com:/@127.0.0.1",
    "https://storage.googleapis.com/bucket/jobs/1/data/data.csv",
    "https://STORAGE.GoogleAPIs.com/bucket/jobs%2F1/data/data.csv",
    "https://storage.googleapis.com:443/bucket/jobs/1/data/data.csv",
    "https://storage.googleapis.com./bucket/jobs/1/data/data.csv",
    "https://ada@storage.googleapis.com/bucket/jobs/1/data/data.csv",
    "https://bucket.storage.googleapis.com/jobs/1/data/data.csv",
    "https://storage.cloud.google.com/bucket/jobs/1/data/data.csv",
    "https://www.googleapis.com/storage/v1/b/bucket/o/jobs%2F1%2Fdata.csv?alt=media",
    `https://example.com/${"a".repeat(4096)}`,
  ];

  test.each(PUBLIC)("may be %s, which POST /jobs takes as it is", async (url) => {
    expect(await findFault({ code_url, requirements_url: url })).toBeNull();
    const files = createJobFiles({ bucket: "bucket", allowedHosts: new Set(), sign: async () => "" });
    expect(new URL(files.admit("code_url", url)).href).toBe(new URL(url).href);
  });

  test.each(REFUSED)("may not be %s", async (url) => {
    for (const training of [{ code_url: url }, { code_url, requirements_url: url }])
      expect.soft(await findFault(training)).toMatch(/^metadata\.training\.(code|requirements)_url /);
  });

  test("is refused in words that say what to do", async () => {
    const refusal = async (url: string) => (await findFault({ code_url: url }))?.replace("metadata.training.", "");
    expect(await refusal("http://example.com/")).toBe(
      "code_url must begin with https://, or with gs:// for an object of the bucket.",
    );
    expect(await refusal("https://127.0.0.1/")).toBe("code_url is no https URL that names a public host.");
    expect(await refusal("https://a.internal/")).toBe("code_url leads to a.internal, which is no public address.");
    expect(await refusal("https://storage.googleapis.com/bucket/a")).toBe(
      "code_url names an object of Cloud Storage: write it as gs://.",
    );
  });

  test.each(["code_url", "requirements_url"])("is refused in %s when it names another's object", async (field) => {
    const { id: others } = await addTrainable(db, {});
    const refusal = "metadata.training names an object of the bucket that is not the project owner's.";
    for (const object of [
      `raw/${others}.zip`,
      "jobs/1/data/data.csv",
      "snapshots/PUBLIC/RAIN/1/table.duckdb",
      "results/7.csv",
      "artifacts/default/1",
      `uploads/${randomUUID()}/x.py`,
    ]) {
      expect.soft(await faultOf({ code_url, [field]: `gs://bucket/${object}` }), object).toBe(refusal);
    }
  });

  test("may be an object of the owner's, and does not lead out of his folder", async () => {
    const owner = await addUser(db);
    const train = async (url: string) => {
      const { id } = await addTrainable(db, { training: { code_url: url } }, owner);
      await setStatus(db, id, "pending_training");
      return (await jobsOf(db, id)).map((job) => job.code_url);
    };
    const own = `gs://bucket/uploads/${owner}/1/train.py`;
    expect(await train(own)).toEqual([own]);
    expect(await train(`gs://bucket/uploads/${owner}/../${randomUUID()}/train.py`)).toEqual([]);
    expect(await train(`gs://bucket/uploads/${owner}/./train.py`)).toEqual([]);
  });
});

describe("a training says what POST /jobs takes, and nothing else", () => {
  const project_id = randomUUID();
  const POSTED_ONLY = new Set(["project_id", "data_url", "user_id", "idempotency_key"]);
  const schema = z.toJSONSchema(createJobRequest, { io: "input", unrepresentable: "any" });
  const fields = Object.keys(schema.properties ?? {}).filter((field) => !POSTED_ONLY.has(field));
  const lengths = [0, 1, 64, 65, 128, 129, 256, 257, 1024, 1025, 4096, 4097];
  const numbers = [-5, -101, -100, 0, 0.5, 1, 1.5, 16, 100, 101, 604_800, 604_801, 999_999, 9_999_999, 1e7, 1e12];
  const values: unknown[] = [
    ...lengths.map((length) => "x".repeat(length)),
    ...[...numbers, 1e12 + 1, 1e300],
    ...[
      "8",
      "64GB",
      "64 GiB",
      "65,536 MB",
      "1,5 TB",
      "0 GB",
      "64 gi",
      "16,38 kB",
      "68719476736",
      "2000000 GB",
      "a lot",
    ],
    ...[[], ["a"], [""], [1], ["x".repeat(64)], ["x".repeat(65)], Array(16).fill("a"), Array(17).fill("a")],
    ...["none", "auto", "fedavg", "sum", true, {}],
  ];

  test.each([...fields, "epochs"])("in %s", async (field) => {
    expect(fields).toContain("code_url");
    for (const value of values) {
      const wish = { code_url, [field]: value };
      const posted = createJobRequest.safeParse({ title: "Rain", project_id, ...wish });
      expect.soft((await findFault(wish)) === null, JSON.stringify(value).slice(0, 80)).toBe(posted.success);
    }
  });

  test("and becomes the same job", async () => {
    const { id } = await addTrainable(db, {
      training: { code_url, ram: "15.5 GiB", gpu_model: "Any", tags: ["b", "A"] },
    });
    await setStatus(db, id, "pending_training");
    const [job] = await jobsOf(db, id);
    expect(job).toMatchObject({ chunks: 8, rows_per_chunk: null, max_attempts: 3, task_timeout_seconds: 3600 });
    expect(
      await db.sql("select ram_gb, gpu_model, tags from corral.requirements where id = $1", [job?.requirement_id]),
    ).toEqual([{ ram_gb: 16, gpu_model: "any", tags: ["a", "b"] }]);
  });
});
