import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { type Assignment, addAgent, addJob, cancelAllJobs, openEnrollment, requestTask } from "./fleet-scene.ts";
import { call } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
  await openEnrollment(db);
});
afterAll(() => db.drop());

const requirement = (ram: number | null, gpu: string | null, tags: (string | null)[] | null) =>
  call<number>(db, "corral.resolve_requirement($1, $2, $3)", [ram, gpu, tags]);
const capability = (ram: number | null, gpu: string | null, tags: string[] | null) =>
  call<number>(db, "corral.resolve_capability($1, $2, $3)", [ram, gpu, tags]);
const meets = (has: number, needs: number) =>
  call<boolean>(db, "(select $2 = any (satisfies) from corral.capabilities where id = $1)", [has, needs]);

type Kind = Parameters<typeof capability>;

describe("what a job needs and what an agent has", () => {
  test.each<[string, Kind, Kind, boolean]>([
    ["nothing is needed", [0, null, []], [0, null, []], true],
    ["nothing is said", [null, null, null], [null, null, null], true],
    ["the RAM is enough", [32, null, []], [32, null, []], true],
    ["the RAM is not", [32, null, []], [31, null, []], false],
    ["the RAM is a little less than a whole GB that is needed", [31.2, null, []], [31.9, null, []], false],
    ["the GPU is named in part and in another case", [0, "rtx 4090", []], [0, "NVIDIA GeForce RTX 4090", []], true],
    ["the GPU is another", [0, "H100", []], [0, "NVIDIA GeForce RTX 4090", []], false],
    ["a GPU is needed and there is none", [0, "H100", []], [0, null, []], false],
    ["any GPU is needed and there is one", [0, "any", []], [0, "Radeon", []], true],
    ["any GPU is needed and there is none", [0, "any", []], [0, null, []], false],
    ["a GPU is there that nobody needs", [0, " ", []], [0, "Radeon", []], true],
    ["all tags are there, and more", [0, null, ["A ", "b"]], [0, null, ["c", "B", "a"]], true],
    ["one tag is not there", [0, null, ["a", "b"]], [0, null, ["a"]], false],
  ])("match as they should where %s", async (_, needs, has, expected) => {
    // Whichever of the two is known first.
    const [neededFirst, hadSecond] = [await requirement(...needs), await capability(...has)];
    expect(await meets(hadSecond, neededFirst)).toBe(expected);
    await db.sql("truncate corral.requirements, corral.capabilities cascade");
    const [hadFirst, neededSecond] = [await capability(...has), await requirement(...needs)];
    expect(await meets(hadFirst, neededSecond)).toBe(expected);
  });

  test("are kept once, however they are written", async () => {
    expect(await requirement(3.5, " RTX ", ["b", "A", "b"])).toBe(await requirement(4, "rtx", ["a", "B "]));
    expect(await capability(4.5, " RTX ", ["b", "A"])).toBe(await capability(4, "rtx", ["a", "B "]));
    expect(await capability(4, "rtx", ["a"])).not.toBe(await capability(4, "rtx", ["a", "b"]));
    expect(await capability(4, "rtx", ["a"])).not.toBe(await capability(5, "rtx", ["a"]));
    expect(await requirement(4, "rtx", ["a"])).not.toBe(await requirement(4, "gtx", ["a"]));
    expect(await requirement(4, "rtx", ["a"])).not.toBe(await requirement(5, "rtx", ["a"]));
    expect(await capability(4, "rtx", ["a"])).not.toBe(await capability(4, null, ["a"]));
  });

  test("are told apart however much they say", async () => {
    const tag = (from: number) => String.fromCodePoint(...Array.from({ length: 64 }, (_, at) => from + at * 211));
    const tags = Array.from({ length: 16 }, (_, at) => tag(0x4e00 + at * 13));
    const gpu = tag(0x3400).repeat(2);
    const [first, other] = [await requirement(1, gpu, tags), await requirement(1, gpu, [...tags.slice(1), "one"])];
    expect(first).not.toBe(other);
    expect(await requirement(1, gpu, tags)).toBe(first);
    const able = await capability(2, `${gpu} and more`, tags);
    expect(await capability(2, `${gpu} and more`, tags)).toBe(able);
    expect([await meets(able, first), await meets(able, other)]).toEqual([true, false]);
  });

  test("take blank tags for none", async () => {
    expect(await requirement(0, null, ["", "  ", null])).toBe(await requirement(0, null, []));
  });

  test("take more RAM than there is in the world for a great deal", async () => {
    expect(await meets(await capability(1e9, null, []), await requirement(1e30, null, []))).toBe(true);
  });

  test("find each other when both are new at the same moment", async () => {
    const client = await db.connect();
    await client.query("begin");
    const { rows } = await client.query<{ id: number }>("select corral.resolve_requirement(77, null, '{new}') as id");
    const waiting = await startBlocked<{ id: number }>(
      db,
      "select corral.resolve_capability(78, null, '{new,old}') as id",
    );
    await client.query("commit");
    expect(await meets((await waiting.result).id, rows[0]?.id ?? 0)).toBe(true);
  });

  test("are the same row when two ask for the same new one at the same moment", async () => {
    const client = await db.connect();
    for (const resolve of ["resolve_requirement", "resolve_capability"]) {
      await client.query("begin");
      const ask = `select corral.${resolve}(99, 'twin', '{}') as id`;
      const { rows } = await client.query<{ id: number }>(ask);
      const waiting = await startBlocked<{ id: number }>(db, ask);
      await client.query("commit");
      expect((await waiting.result).id).toBe(rows[0]?.id);
    }
  });
});

describe("a claim", () => {
  test("gives an agent only what it can do, and passes over jobs of a higher priority that it cannot", async () => {
    await cancelAllJobs(db);
    const heavy = await addJob(db, 1, { ram_gb: 64, gpu_model: "any", tags: ["cuda"], priority: 9 });
    const light = await addJob(db, 2, { user_id: heavy.owner });
    const given = async (wishes: Parameters<typeof addAgent>[1]): Promise<Assignment> =>
      requestTask(db, await addAgent(db, wishes));
    expect((await given({ ram: 32, gpu: "H100", tags: ["cuda"] })).job_id).toBe(`${light.id}`);
    expect((await given({ ram: 64, gpu: "H100", tags: ["cuda"] })).job_id).toBe(`${heavy.id}`);
    expect((await given({ ram: 64, gpu: "H100", tags: ["cuda"] })).job_id).toBe(`${light.id}`);
  });

  test("finds nothing where there is only work for others, and leaves it to them", async () => {
    await cancelAllJobs(db);
    await addJob(db, 1, { gpu_model: "any" });
    expect(await requestTask(db, await addAgent(db))).toMatchObject({ outcome: "nothing" });
    expect(await requestTask(db, await addAgent(db, { gpu: "Radeon" }))).toMatchObject({ outcome: "assigned" });
  });
});
