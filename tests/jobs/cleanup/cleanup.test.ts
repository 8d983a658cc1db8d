import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ObjectRegister } from "../../../jobs/cleanup/run.ts";
import { sealAll } from "../../db/data-scene.ts";
import { addJob } from "../../db/fleet-scene.ts";
import { addProject } from "../../db/scene.ts";
import { type Lane, startLane } from "../start-lane.ts";
import { cleanUpIn as cleanUpLaneIn, openRegister } from "./clean-up-in.ts";

const DAY_MS = 24 * 3600 * 1000;

let lane: Lane;
beforeAll(async () => {
  lane = await startLane();
});
afterAll(() => lane.close());

const cleanUpIn = (days: number, overrides?: Partial<ObjectRegister>) => cleanUpLaneIn(lane, days, overrides);
const save = (name: string) => lane.bucket.file(name).save("content");

describe("the job cleanup", () => {
  it("deletes the folder of a run that is over, and leaves that of a live one", async () => {
    const { run } = await lane.enqueue();
    await Promise.all([
      save(`tmp/kaggle-to-gcs/${run}/x/part-00001`),
      save("tmp/kaggle-to-gcs/999999/x/part-00001"),
      save("tmp/notes.txt"),
    ]);
    expect(await cleanUpIn(2)).toBe(1);
    expect(await lane.listObjects()).toEqual([`tmp/kaggle-to-gcs/${run}/x/part-00001`, "tmp/notes.txt"]);
  });

  it("leaves the folder of a run alone for a day", async () => {
    await save("tmp/kaggle-to-gcs/999998/x/part-00001");
    expect(await cleanUpIn(0.9)).toBe(0);
    expect(await cleanUpIn(1.1)).toBe(1);
  });

  it("deletes the folder of a job that is gone after a day, and keeps those of jobs that there are", async () => {
    const { id } = await addJob(lane.db, 1);
    const names = [`jobs/${id}/chunks/00001.csv`, "jobs/999999/chunks/00001.csv", "jobs/notes.txt"];
    await Promise.all(names.map(save));
    expect(await cleanUpIn(0.9)).toBe(0);
    await cleanUpIn(1.1);
    expect((await lane.listObjects()).filter((object) => object.startsWith("jobs/"))).toEqual([
      `jobs/${id}/chunks/00001.csv`,
      "jobs/notes.txt",
    ]);
  });

  it("deletes an upload that no job refers to after a week", async () => {
    const fields = ["data_url", "code_url", "requirements_url", "training_code", "none"];
    const names = fields.map((field) => `uploads/open/1/${field}`);
    await Promise.all(names.map(save));
    const urls = names.map((name) => `gs://${lane.bucket.name}/${name}`);
    await addJob(lane.db, 1, { data_url: urls[0], code_url: urls[1], requirements_url: urls[2] });
    await addProject(lane.db, { metadata: { training: { code_url: urls[3] } } });
    await cleanUpIn(6);
    expect((await lane.bucket.file("uploads/open/1/none").exists())[0]).toBe(true);
    await cleanUpIn(8);
    expect((await lane.listObjects()).filter((object) => object.startsWith("uploads/"))).toEqual(
      names.slice(0, 4).sort(),
    );
  });

  it("deletes an archive that no dataset refers to, and keeps the others", async () => {
    const { project } = await lane.enqueue({ keywords: ["penguins"] });
    const name = "raw/wanted_v1.zip";
    await Promise.all([save(name), save("raw/unwanted_v1.zip")]);
    await lane.db.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, 'wanted', $2)", [
      project,
      `gs://${lane.bucket.name}/${name}`,
    ]);
    expect(await cleanUpIn(8)).toBeGreaterThan(0);
    expect((await lane.listObjects()).filter((object) => object.startsWith("raw/"))).toEqual([name]);
  });

  it("leaves an archive alone that was used in the last week", async () => {
    const file = lane.bucket.file("raw/fresh_v1.zip");
    await save(file.name);
    expect(await cleanUpIn(6)).toBe(0);
    await file.setMetadata({ customTime: new Date(Date.now() + 5 * DAY_MS).toISOString() });
    await cleanUpIn(11);
    expect((await file.exists())[0]).toBe(true);
    await cleanUpIn(13);
    expect((await file.exists())[0]).toBe(false);
  });

  it("deletes snapshots, results, artifacts and heads of seals that are forgotten, after a day", async () => {
    const { db } = lane;
    const [call] = await db.sql<{ id: string }>(
      "select call_id as id from public.admit_call('GET', '/', 'r', false, p_admin => true)",
    );
    const [artifact] = await db.sql<{ object: string }>(
      `select object from public.create_artifact($1, '{"name": "kept"}')`,
      [call?.id],
    );
    const [query] = await db.sql<{ id: string }>(
      `select query_id as id from public.submit_query($1, '{"sql": "select 1"}')`,
      [call?.id],
    );
    await db.sql(
      `with t as (insert into corral.tables (schema_name, table_name) values ('S', 'T'), ('S', 'U') returning id, table_name),
            s as (insert into corral.syncs (table_id, strategy, spec) select id, 'full', '{}' from t where table_name = 'U')
       insert into corral.snapshots (table_id, sync_id, version, folder, columns, row_count, size_bytes, moment, fixed_moment)
       select id, 1, 'v', 'S/T/000000001-1', '[]', 0, 0, corral.now(), true from t where table_name = 'T'`,
    );
    const [sync] = await db.sql<{ id: string }>("select lpad(id::text, 9, '0') as id from corral.syncs");
    await db.sql("update corral.settings set audit_seal_seconds = 0");
    await sealAll(db);
    await db.sql("update corral.audit_seals set id = id + 7 - (select min(id) from corral.audit_seals)");
    const kept = [
      "snapshots/S/T/000000001-1/table.duckdb",
      `snapshots/S/U/${sync?.id}-2/table.duckdb`,
      `results/${query?.id}-1.csv`,
      `${artifact?.object}`,
      "audit/000000000007.json",
      "audit/000000000008.json",
    ];
    const dead = [
      "snapshots/S/T/000000099-2/table.duckdb",
      "snapshots/S/T/000000099-2/variants/x.duckdb",
      "results/00000000-0000-4000-8000-000000000000-1.parquet",
      "results/00000000-0000-4000-8000-000000000000-12.parquet",
      "artifacts/1/00000000-0000-4000-8000-000000000000",
      "audit/000000000006.json",
    ];
    await Promise.all([...kept, ...dead].map(save));
    expect(await cleanUpIn(0.9)).toBe(0);
    expect(await cleanUpIn(1.1)).toBe(dead.length - 1);
    expect(await cleanUpIn(91)).toBeGreaterThan(0);
    const left = (await lane.listObjects()).filter((name) => /^(snapshots|results|artifacts|audit)/.test(name));
    expect(left).toEqual(kept.toSorted());
  });

  it("loses against a run that takes the archive into use between the look and the deletion", async () => {
    const file = lane.bucket.file("raw/raced_v1.zip");
    await save(file.name);
    await cleanUpIn(30, {
      async listUnreferenced(urls) {
        const unreferenced = await openRegister(lane).listUnreferenced(urls);
        await file.setMetadata({ metadata: { used: "just now" } });
        return unreferenced;
      },
    });
    expect((await file.exists())[0]).toBe(true);
  });

  it("reads buckets of more objects than a page holds", async () => {
    const names = Array.from({ length: 520 }, (_, index) => `raw/many-${String(index).padStart(4, "0")}_v1.zip`);
    for (let start = 0; start < names.length; start += 40) await Promise.all(names.slice(start, start + 40).map(save));
    expect(await cleanUpIn(30)).toBeGreaterThanOrEqual(520);
    expect((await lane.listObjects()).filter((name) => name.includes("many-"))).toEqual([]);
  });

  it("runs as a container to its end, and says what it did", async () => {
    const run = await lane.enqueueCleanup();
    const job = await lane.launch(run, "cleanup");
    expect(await job.exit).toMatchObject({ code: 0 });
    expect(job.lines[0]).toBe(`corral-job cleanup run=${run} attempt=1 started`);
    expect(await lane.readRun(run)).toMatchObject({
      state: "succeeded",
      progress: { objects_deleted: 0, bytes_deleted: 0 },
    });
  });
});
