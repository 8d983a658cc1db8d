import { crc32c } from "@node-rs/crc32";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { syntheticDataset } from "../../../local/kaggle/synthetic-dataset.ts";
import { encodeCrc32c } from "../../../shared/cloud/crc32c.ts";
import { type Lane, startLane } from "../start-lane.ts";

const SEATTLE = "noaa/seattle-weather";

let lane: Lane;
beforeAll(async () => {
  lane = await startLane();
});
afterAll(() => lane.close());
afterEach(() => lane.kaggle.faults.clear());

async function readProject(id: string) {
  const [project] = await lane.db.sql("select status, metadata from public.projects where id = $1", [id]);
  const datasets = await lane.db.sql("select * from public.datasets where project_id = $1", [id]);
  const logs = await lane.db.sql<{ message: string; log_level: string }>(
    "select message, log_level from public.agent_logs where project_id = $1 order by id",
    [id],
  );
  return { status: project?.status, metadata: project?.metadata, datasets, logs };
}

async function ingest(facts: Parameters<Lane["enqueue"]>[0], env: Record<string, string> = {}) {
  const { project, run } = await lane.enqueue(facts);
  const job = await lane.launch(run, "kaggle-to-gcs", env);
  const { code } = await job.exit;
  return { code, lines: job.lines, run: await lane.readRun(run), project: await readProject(project) };
}

describe("the job kaggle-to-gcs", () => {
  it("brings the best dataset for the project's keywords into the bucket and hands the project on", async () => {
    const { code, run, project } = await ingest({ keywords: ["seattle", "weather"] });
    expect(run).toMatchObject({ state: "succeeded", error_code: null });
    expect(code).toBe(0);
    expect(project.status).toBe("pending_training");

    const [dataset] = project.datasets;
    const name = `raw/${SEATTLE.replace("/", "_")}_v${dataset?.kaggle_version}.zip`;
    const [content] = await lane.bucket.file(name).download();
    expect(dataset).toMatchObject({
      name: SEATTLE,
      gcs_url: `gs://${lane.bucket.name}/${name}`,
      size_bytes: String(content.length),
      crc32c: encodeCrc32c(crc32c(content)),
      source: "kaggle",
    });
    expect(await lane.listObjects()).toEqual([name]);
  });

  it("prints its first line before anything else, and never a secret", async () => {
    const { lines, run } = await ingest({ keywords: ["penguins"] });
    expect(lines[0]).toBe(`corral-job kaggle-to-gcs run=${run.id} attempt=1 started`);
    expect(lines.join("\n")).not.toMatch(/lane-key|X-Goog-Signature|eyJ/);
  });

  it("stores every candidate with the parts of its score, the chosen one first", async () => {
    const { project } = await ingest({ keywords: ["flights"] });
    const candidates = project.datasets[0]?.candidates;
    expect(candidates).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          ref: expect.any(String),
          score: expect.any(Number),
          rejected: null,
          parts: {
            keywords: expect.any(Number),
            downloads: expect.any(Number),
            votes: expect.any(Number),
            usability: expect.any(Number),
            recency: expect.any(Number),
            size: expect.any(Number),
          },
        }),
      ]),
    );
    expect(candidates).toHaveProperty("0.ref", project.datasets[0]?.name);
  });

  it("writes the milestones into the project's log and tells its owner", async () => {
    const { project, run } = await ingest({ keywords: ["mauna", "loa"] });
    const ref = project.datasets[0]?.name;
    expect(project.logs.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^Starting/),
      expect.stringMatching(/^Authenticating/),
      expect.stringMatching(/^Searching Kaggle for mauna, loa/),
      expect.stringContaining(`Found dataset ${ref}`),
      expect.stringContaining(`Downloading ${ref}`),
      expect.stringContaining(`Uploading ${ref}`),
      expect.stringMatching(/^Stored gs:/),
      expect.stringMatching(/^Recording/),
      expect.stringContaining(`Completed: ${ref}`),
    ]);
    const messages = await lane.db.sql<{ content: string }>(
      "select content from public.messages where user_id = $1 order by id desc limit 4",
      [lane.owner],
    );
    expect(messages.map(({ content }) => content).toReversed()).toEqual([
      expect.stringMatching(/^Searching/),
      `Downloading ${ref}.`,
      `Uploading ${ref}.`,
      expect.stringMatching(/ready/),
    ]);
    expect(run.progress).toMatchObject({ dataset: ref, eta_seconds: 0, bytes_per_second: expect.any(Number) });
    expect(run.progress?.bytes).toBe(run.progress?.total_bytes);
  });

  it("moves nothing when the bucket holds that dataset at that version already", async () => {
    const first = await ingest({ metadata: { kaggle_ref: "statlib/auto-mpg-1983" } });
    lane.kaggle.requests.clear();
    const second = await ingest({ metadata: { kaggle_ref: "statlib/auto-mpg-1983" } });
    expect(second.project.datasets[0]).toMatchObject({
      gcs_url: first.project.datasets[0]?.gcs_url,
      crc32c: first.project.datasets[0]?.crc32c,
    });
    const blobs = lane.kaggle.requests.list().filter(({ operation }) => operation === "blob");
    expect(blobs.map(({ range }) => range)).toEqual(["bytes=0-0"]);
    const [{ metageneration }] = await lane.bucket.file("raw/statlib_auto-mpg-1983_v1.zip").getMetadata();
    expect(Number(metageneration)).toBeGreaterThan(2);
  });

  it("takes the dataset that metadata.kaggle_ref names without a search", async () => {
    lane.kaggle.requests.clear();
    const { project } = await ingest({ keywords: ["whatever"], metadata: { kaggle_ref: "usgs/earthquakes-one-week" } });
    expect(project.datasets[0]?.name).toBe("usgs/earthquakes-one-week");
    expect(lane.kaggle.requests.list().filter(({ operation }) => operation === "list")).toEqual([]);
  });

  it("searches single keywords when nothing fits the whole phrase", async () => {
    const { project } = await ingest({ keywords: ["zyzzyva", "earthquakes"] });
    expect(project.datasets[0]?.name).toBe("usgs/earthquakes-one-week");
  });

  it.each([1e30, 0.1234567891234])(
    "searches whatever number max_dataset_size_gb is: %d",
    async (max_dataset_size_gb) => {
      const { project } = await ingest({ keywords: ["earthquakes"], metadata: { max_dataset_size_gb } });
      expect(project.datasets[0]?.name).toBe("usgs/earthquakes-one-week");
    },
  );

  it("goes on to the next best dataset where Kaggle gives the best not away, and says so", async () => {
    const refs = ["herd/oxen-1", "herd/oxen-2", "herd/oxen-3"];
    for (const ref of refs) lane.kaggle.addDataset(syntheticDataset({ ref, bytes: 100_000 }));
    lane.kaggle.faults.add({ on: "download", ref: "herd/oxen-1", fault: { kind: "consent_required" } });
    lane.kaggle.faults.add({ on: "blob", ref: "herd/oxen-2", times: null, fault: { kind: "not_found" } });
    const { run, project } = await ingest({ keywords: ["oxen"] });
    expect(run).toMatchObject({ state: "succeeded", progress: { dataset: "herd/oxen-3" } });
    expect(project.datasets).toMatchObject([
      {
        name: "herd/oxen-3",
        candidates: [
          { ref: "herd/oxen-3", rejected: null },
          { ref: "herd/oxen-1", rejected: expect.stringMatching(/Accept the dataset's terms/) },
          { ref: "herd/oxen-2", rejected: expect.stringMatching(/has no archive/) },
        ],
      },
    ]);
    expect(project.logs.filter(({ log_level }) => log_level === "warning")).toEqual([
      { message: expect.stringMatching(/^Passing over herd\/oxen-1: .*terms/), log_level: "warning" },
      { message: expect.stringMatching(/^Passing over herd\/oxen-2: .*no archive/), log_level: "warning" },
    ]);
  });

  it("searches for no more keywords than fit, and names no more", async () => {
    const { project } = await ingest({ keywords: Array.from({ length: 3000 }, (_, index) => `zyzzyva${index}`) });
    const texts = project.logs.map(({ message }) => message);
    expect(texts).toContainEqual(expect.stringMatching(/^Searching Kaggle for zyzzyva0, .* and \d+ more$/));
    for (const text of texts) expect(text.length).toBeLessThan(400);
  });

  it("does not pretend to search without keywords", async () => {
    const { project } = await ingest({ keywords: [" "] });
    expect(project.logs.map(({ message }) => message)).not.toContainEqual(expect.stringMatching(/^Searching/));
  });

  it("takes an empty wish in the metadata for none", async () => {
    const metadata = { kaggle_ref: "", allowed_licenses: null, max_dataset_size_gb: null };
    const { project } = await ingest({ keywords: ["earthquakes"], metadata });
    expect(project.datasets[0]?.name).toBe("usgs/earthquakes-one-week");
  });

  it("uses the project's own Kaggle login and forgets it after success", async () => {
    const metadata = { kaggle_credentials: { username: "lane", key: "lane-key" } };
    const { project, run } = await lane.enqueue({ keywords: ["movies"], metadata });
    const countSecrets = async () => (await lane.db.sql("select from vault.secrets where name like '%kaggle%'")).length;
    expect(await countSecrets()).toBe(1);
    const job = await lane.launch(run, "kaggle-to-gcs", { KAGGLE_USERNAME: "", KAGGLE_KEY: "" });
    expect(await job.exit).toMatchObject({ code: 0 });
    expect(await readProject(project)).toMatchObject({ status: "pending_training" });
    expect(await countSecrets()).toBe(0);
  });

  it.each<[code: string, says: RegExp, facts: Parameters<Lane["enqueue"]>[0], env?: Record<string, string>]>([
    ["no_suitable_dataset", /whale, hydrophone/, { keywords: ["whale", "hydrophone"] }],
    ["no_suitable_dataset", /no search keywords/, { keywords: [] }],
    ["kaggle_ref_invalid", /owner\/name/, { metadata: { kaggle_ref: "../../etc" } }],
    ["kaggle_dataset_not_found", /Check its owner\/name/, { metadata: { kaggle_ref: "nobody/nothing" } }],
    [
      "dataset_too_large",
      /the project allows 0\.00 GB/,
      { metadata: { kaggle_ref: SEATTLE, max_dataset_size_gb: 1e-6 } },
    ],
    ["license_not_allowed", /is not among GPL-9/, { metadata: { kaggle_ref: SEATTLE, allowed_licenses: ["GPL-9"] } }],
    ["no_suitable_dataset", /earthquakes/, { keywords: ["earthquakes"], metadata: { allowed_licenses: ["GPL-9"] } }],
    ["invalid_metadata", /allowed_licenses/, { metadata: { allowed_licenses: ["CC0-1.0", 4] } }],
    ["invalid_metadata", /allowed_licenses/, { metadata: { allowed_licenses: { mit: true } } }],
    ["invalid_metadata", /kaggle_ref/, { metadata: { kaggle_ref: 42 } }],
    ...["10", 0, -1, { gb: 1 }, [5]].map((wish): [string, RegExp, Parameters<Lane["enqueue"]>[0]] => [
      "invalid_metadata",
      /max_dataset_size_gb must be a number of GB above 0\. Correct it/,
      { keywords: ["earthquakes"], metadata: { max_dataset_size_gb: wish } },
    ]),
    ["license_not_allowed", /is not among GPL-9/, { metadata: { kaggle_ref: SEATTLE, allowed_licenses: "GPL-9" } }],
    ["no_suitable_dataset", /has no search keywords/, { keywords: ["", " "] }],
    [
      "no_suitable_dataset",
      /for earthquakes\./,
      { keywords: ["earthquakes"], metadata: { max_dataset_size_gb: 1.5e-9 } },
    ],
    ["kaggle_unauthorized", /Save a valid Kaggle username/, {}, { KAGGLE_KEY: "wrong" }],
    ["kaggle_unauthorized", /no Kaggle login/, {}, { KAGGLE_KEY: "" }],
  ])("ends with %s and says so to a person: %s", async (error_code, says, facts, env) => {
    const before = await lane.listObjects();
    const { code, run, project } = await ingest(facts, env);
    expect(run).toMatchObject({ state: "failed", error_code, error_message: expect.stringMatching(says) });
    expect(code).toBe(1);
    expect(project.status).toBe("failed");
    expect(project.logs.at(-1)).toEqual({ message: run.error_message, log_level: "error" });
    expect(await lane.listObjects()).toEqual(before);
  });

  it("does nothing when its attempt was started before", async () => {
    const { run } = await lane.enqueue({ keywords: ["airports"] });
    const job = await lane.launch(run);
    await job.exit;
    const done = await lane.readRun(run);
    const again = await lane.relaunch(run, done.attempt);
    expect(await again.exit).toMatchObject({ code: 0 });
    expect(await lane.readRun(run)).toEqual(done);
  });
});
