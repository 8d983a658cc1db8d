import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { FaultRule } from "../../../local/kaggle/faults.ts";
import { syntheticDataset } from "../../../local/kaggle/synthetic-dataset.ts";
import { type Lane, startLane } from "../start-lane.ts";

const MIB = 1024 * 1024;
const BYTES = 20 * MIB + 12_345;
/** Five whole parts and a short one, over three connections. */
const TRANSFER = { TRANSFER_CONNECTIONS: "3", TRANSFER_PART_BYTES: String(4 * MIB) };

let lane: Lane;
let count = 0;
beforeAll(async () => {
  lane = await startLane();
});
afterEach(() => lane.kaggle.faults.clear());
afterAll(() => lane.close());

/** Ingests a dataset of its own while Kaggle has faults. */
async function ingest(faults: Omit<FaultRule, "ref">[], { md5 = false, transfer = TRANSFER } = {}) {
  const ref = `synthetic/fault-${++count}`;
  lane.kaggle.addDataset(syntheticDataset({ ref, bytes: BYTES, md5 }));
  lane.kaggle.requests.clear();
  const armed = faults.map((fault) => lane.kaggle.faults.add({ ...fault, ref }));
  const { project, run } = await lane.enqueue({ metadata: { kaggle_ref: ref } });
  const job = await lane.launch(run, "kaggle-to-gcs", transfer);
  const { code } = await job.exit;
  const [dataset] = await lane.db.sql("select * from public.datasets where project_id = $1", [project]);
  const [{ status } = {}] = await lane.db.sql("select status from public.projects where id = $1", [project]);
  return {
    name: `raw/${ref.replace("/", "_")}_v1.zip`,
    code,
    dataset,
    status,
    run: await lane.readRun(run),
    lines: job.lines.join("\n"),
    hits: armed.map(({ hits }) => hits),
    requests: lane.kaggle.requests.list(),
  };
}

/** The object as Cloud Storage has it: its bytes are those whose CRC32C Kaggle promised, or the job would have failed. */
async function expectWhole({ name, code, dataset, run, status }: Awaited<ReturnType<typeof ingest>>) {
  expect(run).toMatchObject({ state: "succeeded" });
  expect({ code, status }).toEqual({ code: 0, status: "pending_training" });
  const [metadata] = await lane.bucket.file(name).getMetadata();
  expect(metadata).toMatchObject({ size: String(BYTES), crc32c: dataset?.crc32c });
  expect(await lane.listObjects()).not.toContainEqual(expect.stringMatching(/^tmp\//));
}

describe("a transfer from Kaggle goes on", () => {
  it("over several connections at once, each byte asked for once", async () => {
    const result = await ingest([]);
    await expectWhole(result);
    const ranges = result.requests.filter(({ operation }) => operation === "blob").map(({ range }) => range);
    expect(ranges).toHaveLength(6);
    expect(ranges[0]).toBe("bytes=0-");
    expect(new Set(ranges).size).toBe(6);
  });

  it("where it broke when connections are reset", async () => {
    const result = await ingest([
      { on: "blob", rangeStart: 4 * MIB, fault: { kind: "reset", afterBytes: MIB } },
      { on: "blob", rangeStart: 8 * MIB, fault: { kind: "reset", afterBytes: 0 } },
      { on: "blob", rangeStart: 0, fault: { kind: "reset", afterBytes: 3 * MIB } },
    ]);
    await expectWhole(result);
    expect(result.hits).toEqual([1, 1, 1]);
  });

  it("with a new URL when the signed one expires midway", async () => {
    const result = await ingest([{ on: "blob", skip: 2, times: 2, fault: { kind: "expired_url" } }]);
    await expectWhole(result);
    expect(result.requests.filter(({ operation }) => operation === "download").length).toBeGreaterThan(1);
  });

  it.each([
    ["seconds", () => 1],
    ["an HTTP date", () => new Date(Date.now() + 2000).toUTCString()],
  ])("after the pause that Kaggle asks for in %s", async (_form, retryAfter) => {
    const limited = { kind: "rate_limited", retryAfter: retryAfter() } as const;
    const result = await ingest([
      { on: "blob", rangeStart: 4 * MIB, fault: limited },
      { on: "view", fault: limited },
      { on: "download", fault: limited },
    ]);
    await expectWhole(result);
    expect(result.hits).toEqual([1, 1, 1]);
  });

  it("after server errors of the API and of the download", async () => {
    const result = await ingest([
      { on: "view", fault: { kind: "server_error", status: 502 } },
      { on: "download", fault: { kind: "server_error", status: 500 } },
      { on: "blob", times: 3, fault: { kind: "server_error", status: 503 } },
    ]);
    await expectWhole(result);
    expect(result.hits).toEqual([1, 1, 3]);
  });

  it("as one stream when Kaggle offers no ranges", async () => {
    const result = await ingest([{ on: "blob", times: null, fault: { kind: "no_range" } }]);
    await expectWhole(result);
    expect(result.requests.filter(({ operation }) => operation === "blob")).toHaveLength(1);
  });

  it("as one stream that breaks, by reading over what is stored", async () => {
    const result = await ingest([
      { on: "blob", times: null, fault: { kind: "no_range" } },
      { on: "blob", times: 2, fault: { kind: "reset", afterBytes: 9 * MIB } },
    ]);
    await expectWhole(result);
    expect(result.requests.filter(({ operation }) => operation === "blob")).toHaveLength(3);
  });

  it("and is proven by MD5 when Kaggle tells nothing else", async () => {
    const result = await ingest([{ on: "blob", times: null, fault: { kind: "no_hash", omit: "crc32c" } }], {
      md5: true,
    });
    await expectWhole(result);
    expect(result.dataset?.md5).toMatch(/^[A-Za-z0-9+/]{22}==$/);
  });

  it("through more parts than one compose call takes", async () => {
    await expectWhole(
      await ingest([], { transfer: { TRANSFER_CONNECTIONS: "4", TRANSFER_PART_BYTES: String(MIB / 2) } }),
    );
  });
});

describe("a transfer from Kaggle fails", () => {
  it.each<[code: string, says: RegExp, fault: Omit<FaultRule, "ref">]>([
    ["kaggle_unauthorized", /Save a valid Kaggle username and key/, { on: "view", fault: { kind: "unauthorized" } }],
    ["kaggle_forbidden", /Accept the dataset's terms/, { on: "download", fault: { kind: "consent_required" } }],
    ["kaggle_dataset_not_found", /knows no such dataset/, { on: "view", fault: { kind: "not_found" } }],
    ["kaggle_archive_missing", /has no archive/, { on: "blob", times: null, fault: { kind: "not_found" } }],
    ["kaggle_forbidden", /refuses the download/, { on: "blob", times: null, fault: { kind: "expired_url" } }],
    ["checksum_missing", /cannot be verified/, { on: "blob", times: null, fault: { kind: "no_hash", omit: "both" } }],
  ])("for good with %s: %s", async (error_code, says, fault) => {
    const { code, status, run, name } = await ingest([fault]);
    expect(run).toMatchObject({ state: "failed", error_code, error_message: expect.stringMatching(says) });
    expect(run.phase).toBe("searching");
    expect({ code, status }).toEqual({ code: 1, status: "failed" });
    expect(await lane.listObjects()).not.toContain(name);
    expect(await lane.listObjects()).not.toContainEqual(expect.stringMatching(/^tmp\//));
  });

  it.each<[code: string, fault: Omit<FaultRule, "ref">, md5: boolean]>([
    ["checksum_mismatch", { on: "blob", times: null, fault: { kind: "wrong_hash" } }, false],
    ["checksum_mismatch", { on: "blob", rangeStart: 8 * MIB, fault: { kind: "corrupt", at: 8 * MIB + 7 } }, false],
    ["source_changed", { on: "blob", skip: 2, times: null, fault: { kind: "new_generation" } }, false],
    ["kaggle_unavailable", { on: "download", times: null, fault: { kind: "server_error", retryAfter: 300 } }, false],
    ["kaggle_rate_limited", { on: "download", times: null, fault: { kind: "rate_limited", retryAfter: 300 } }, false],
    ["kaggle_rate_limited", { on: "blob", times: null, fault: { kind: "rate_limited", retryAfter: 300 } }, false],
  ])("with %s, to be tried again", async (error_code, fault, md5) => {
    const { code, status, run, name } = await ingest([fault], { md5 });
    expect(run).toMatchObject({ state: "queued", error_code });
    expect({ code, status }).toEqual({ code: 1, status: "pending_dataset" });
    expect(await lane.listObjects()).not.toContain(name);
  });

  it("with a wrong MD5 as with a wrong CRC32C", async () => {
    const result = await ingest(
      [
        { on: "blob", times: null, fault: { kind: "no_hash", omit: "crc32c" } },
        { on: "blob", rangeStart: 4 * MIB, fault: { kind: "corrupt", at: 4 * MIB } },
      ],
      { md5: true },
    );
    expect(result.run).toMatchObject({ state: "queued", error_code: "checksum_mismatch" });
    expect(await lane.listObjects()).not.toContainEqual(expect.stringMatching(/^tmp\//));
  });

  it.each<Omit<FaultRule, "ref">>([
    { on: "blob", times: null, fault: { kind: "wrong_hash" } },
    { on: "blob", skip: 2, times: null, fault: { kind: "new_generation" } },
    { on: "download", times: null, fault: { kind: "server_error", retryAfter: 300 } },
    { on: "blob", times: null, fault: { kind: "server_error", retryAfter: 300 } },
    { on: "blob", times: null, fault: { kind: "rate_limited", retryAfter: 300 } },
  ])("for good when that was the last attempt, and promises no other: %j", async (fault) => {
    await lane.db.sql("update corral.settings set max_attempts = 1");
    const { run } = await ingest([fault]);
    await lane.db.sql("update corral.settings set max_attempts = 5");
    expect(run).toMatchObject({
      state: "failed",
      error_message: expect.not.stringMatching(/again|later|goes on|next attempt|started over/),
    });
  });

  it("no earlier tried again than Kaggle asked", async () => {
    const { run } = await ingest([{ on: "download", fault: { kind: "rate_limited", retryAfter: 900 } }]);
    const [{ seconds } = {}] = await lane.db.sql<{ seconds: number }>(
      "select extract(epoch from run_after - corral.now())::int as seconds from corral.runs where id = $1",
      [run.id],
    );
    expect(seconds).toBeGreaterThan(850);
  });

  it("when the bucket holds other bytes under that name, and leaves them alone", async () => {
    const first = await ingest([]);
    const file = lane.bucket.file(`raw/synthetic_fault-${count + 1}_v1.zip`);
    await file.save("something else");
    const { run } = await ingest([]);
    expect(run).toMatchObject({ state: "failed", error_code: "object_conflict" });
    expect((await file.download())[0].toString()).toBe("something else");
    expect(first.code).toBe(0);
  });
});
