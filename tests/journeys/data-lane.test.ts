import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, makeAgent, signInAdmin, syncTable } from "./call-api.ts";
import { startTestCloud, type TestCloud } from "./start-test-cloud.ts";

let cloud: TestCloud;
let admin: string;
/** One agent in each of two swarms: ada may see AIRPORTS without two columns, eve may see WEATHER. */
let ada: string;
let eve: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  admin = await signInAdmin(cloud);
  const hidden = { hidden_columns: ["city"], masked_columns: ["NAME"] };
  const grants = { AIRPORTS: { swarm: "sky", ...hidden }, WEATHER: { swarm: "rain" } };
  for (const [table_name, grant] of Object.entries(grants)) {
    const body = { action: "add", schema_name: "PUBLIC", table_name, ...grant };
    expect(await ask(cloud, "admin/tables", { token: admin, body })).toMatchObject({ status: 200 });
    expect(await syncTable(cloud, admin, table_name)).toMatchObject({ status: "completed" });
  }
  ada = await makeAgent(cloud, admin, "sky", "ada");
  eve = await makeAgent(cloud, admin, "rain", "eve");
});
afterAll(() => cloud.close());

const query = (token: string, sql: string, more: object = {}) =>
  ask(cloud, "queries/execute", { token, body: { query: sql, ...more }, headers: { prefer: "wait=60" } });

describe("the data lane, end to end", () => {
  test("a table is registered, synced, and queried by the reference API's own commands", async () => {
    const body = { table_name: "BIRDSTRIKES", schema_name: "PUBLIC" };
    expect(await ask(cloud, "sync/tables/register", { token: admin, body })).toMatchObject({
      status: 200,
      body: { table_name: "BIRDSTRIKES", schema_name: "PUBLIC", status: "active" },
    });
    expect(await syncTable(cloud, admin, "birdstrikes")).toMatchObject({ status: "completed", strategy: "full" });
    const ran = await query(admin, "SELECT * FROM birdstrikes LIMIT 10", { output_format: "CSV" });
    expect(ran).toMatchObject({ status: 200, body: { status: "completed", row_count: 10, is_cut: false } });
    const { text } = await ask(cloud, `queries/${ran.body.query_id}/result`, { token: admin });
    expect(text.trim().split("\n")).toHaveLength(11);
  });

  test("the certificate says that both sides agree, and its figures are Snowflake's", async () => {
    const [name] = (await cloud.list("snapshots/PUBLIC/AIRPORTS/")).filter((object) =>
      object.endsWith("certificate.json"),
    );
    expect(JSON.parse(await cloud.read(name ?? ""))).toMatchObject({
      agrees: true,
      fixed_moment: true,
      row_count: { source: "3376", snapshot: "3376" },
    });
  });

  test("a profile that is computed anew is the one that the sync has computed", async () => {
    for (const table_name of ["WEATHER", "BIRDSTRIKES"]) {
      const synced = await ask(cloud, "data/profile", { token: admin, body: { table_name } });
      const anew = { table_name, force_refresh: true };
      const refreshed = await ask(cloud, "data/profile", { token: admin, body: anew, headers: { prefer: "wait=60" } });
      expect(refreshed).toMatchObject({ status: 200, body: { ...synced.body, source: "query" } });
    }
  });

  test("an error tells where it is, and which columns there are", async () => {
    const { body } = await query(ada, "select stat, count(*)\n  from airports group by 1");
    expect(body).toMatchObject({ status: "failed", error_code: "sql_error" });
    expect(body.error).toMatch(/stat/);
    expect(body.error).toMatch(/LINE 1/);
    expect(body.error).toMatch(/STATE/);
    expect(body.error).not.toMatch(/\/tmp|duckdb\b.*\.duckdb/);
  });

  test("all that was asked is on record, with its SQL and its versions", async () => {
    const { body } = await query(ada, "select count(*) from airports where state = $1", { parameters: ["WA"] });
    expect(body.preview).toEqual([[65]]);
    const { body: page } = await ask(cloud, "admin/audit?agent=ada&table=PUBLIC.AIRPORTS&limit=10", { token: admin });
    const detail = page.entries.find((entry: { details: { sql?: string } | null }) => entry.details?.sql !== undefined);
    expect(detail.details).toMatchObject({
      sql: "select count(*) from airports where state = $1",
      parameters: ["WA"],
      in_sight: [{ table: "PUBLIC.AIRPORTS", version: body.receipt.snapshots[0].version }],
    });
  });
});

describe("two swarms", () => {
  test("see their own tables, and nothing of the others'", async () => {
    const tables = async (token: string) =>
      (await ask(cloud, "data/tables", { token })).body.map((table: { table_name: string }) => table.table_name);
    expect(await tables(ada)).toEqual(["AIRPORTS"]);
    expect(await tables(eve)).toEqual(["WEATHER"]);
    const found = await ask(cloud, "data/tables?search=airports", { token: eve });
    expect(found.body).toEqual([]);
  });

  test("get the same answer for another's table as for one that there is not", async () => {
    const tries: [string, (name: string) => object | undefined][] = [
      ["data/sample", (table_name) => ({ schema_name: "PUBLIC", table_name })],
      ["data/sample", (table_name) => ({ table_name, sample_size: 100_000, output_format: "parquet" })],
      ["data/profile", (table_name) => ({ schema_name: "PUBLIC", table_name, force_refresh: true })],
    ];
    for (const [path, body] of tries) {
      const foreign = await ask(cloud, path, { token: eve, body: body("AIRPORTS") });
      const absent = await ask(cloud, path, { token: eve, body: body("NOWHERE1") });
      expect(foreign.status).toBe(404);
      expect(foreign.text).toBe(absent.text.replace("NOWHERE1", "AIRPORTS"));
    }
    const metadata = await ask(cloud, "data/tables/PUBLIC/AIRPORTS/metadata", { token: eve });
    expect(metadata).toMatchObject({ status: 404 });
    for (const name of ["airports", "PUBLIC.AIRPORTS", '"PUBLIC"."AIRPORTS"', "public.nowhere1"]) {
      const { body } = await query(eve, `select * from ${name}`);
      expect(body).toMatchObject({ status: "failed", preview: null });
      expect(body.error).not.toMatch(/sky|IATA|LATITUDE/);
    }
  });

  test("cannot read, cancel or list each other's queries and artifacts", async () => {
    const { body: own } = await query(ada, "select count(*) from airports");
    const { body: file } = await ask(cloud, "artifacts", {
      token: ada,
      body: { name: "secret", content: Buffer.from("secret of the sky").toString("base64"), tags: ["sky"] },
    });
    const id = own.query_id;
    const paths: [string, string, object?][] = [
      ["GET", `queries/${id}`],
      ["GET", `queries/jobs/${id}`],
      ["GET", `queries/${id}/result`],
      ["POST", `queries/${id}/cancel`, {}],
      ["GET", `artifacts/${file.artifact_id}`],
      ["GET", `artifacts/${file.artifact_id}/content`],
      ["PATCH", `artifacts/${file.artifact_id}`, { name: "mine" }],
      ["POST", `artifacts/${file.artifact_id}/extend`, { expiry_days: 1 }],
      ["POST", `artifacts/${file.artifact_id}/complete`, {}],
      ["DELETE", `artifacts/${file.artifact_id}`],
    ];
    for (const [method, path, body] of paths) {
      const { status, text } = await ask(cloud, path, { token: eve, method, ...(body === undefined ? {} : { body }) });
      expect([path, status]).toEqual([path, 404]);
      expect(text).not.toMatch(/secret|sky/);
    }
    expect((await ask(cloud, "artifacts", { token: eve })).body).toEqual([]);
    expect((await ask(cloud, `artifacts/${file.artifact_id}/content`, { token: ada })).text).toBe("secret of the sky");
  });

  test("are kept from everything that is an admin's", async () => {
    const { body: document } = await ask(cloud, "openapi.json");
    const paths = Object.entries<Record<string, unknown>>(document.paths).filter(([path]) =>
      /\/(admin|sync|tasks)\//.test(path),
    );
    expect(paths.length).toBeGreaterThan(15);
    for (const [path, operations] of paths) {
      for (const method of Object.keys(operations)) {
        const concrete = path.replace("/api/v1/", "").replaceAll(/\{[^}]+\}/g, "1");
        const { status } = await ask(cloud, concrete, {
          token: eve,
          method: method.toUpperCase(),
          ...(method === "get" || method === "delete" ? {} : { body: {} }),
        });
        expect([method, path, status]).toEqual([method, path, 403]);
      }
    }
  });

  test("cannot mix their tokens", async () => {
    const [swarm] = ada.split(";");
    const [, agent] = eve.split(";");
    expect((await ask(cloud, "data/tables", { token: `${swarm};${agent}` })).status).toBe(401);
    expect((await ask(cloud, "data/tables", { token: `${agent};${swarm}` })).status).toBe(401);
  });
});

describe("a grant that hides and masks", () => {
  const HIDDEN = /Seattle|CITY/i;

  test("leaves nothing of a hidden column in samples, profiles, queries and metadata", async () => {
    const airports = { schema_name: "PUBLIC", table_name: "AIRPORTS" };
    const answers = [
      await ask(cloud, "data/tables", { token: ada }),
      await ask(cloud, "data/tables/PUBLIC/AIRPORTS/metadata", { token: ada }),
      await ask(cloud, "data/sample", { token: ada, body: { ...airports, sample_size: 3376 } }),
      await ask(cloud, "data/sample", {
        token: ada,
        body: { ...airports, output_format: "csv", sample_type: "first" },
      }),
      await ask(cloud, "data/profile", { token: ada, body: airports }),
      await ask(cloud, "data/profile", { token: ada, body: { ...airports, force_refresh: true } }),
      await query(ada, "select * from airports where iata = 'SEA'"),
    ];
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      expect(text).not.toMatch(HIDDEN);
      expect(text).toMatch(/IATA/);
    }
    for (const sql of [
      "select city from airports",
      "select columns('C.*') from airports",
      "select airports.city from airports",
    ]) {
      const { body } = await query(ada, sql);
      expect(JSON.stringify([body.preview, body.columns])).not.toMatch(HIDDEN);
    }
  });

  test("shows of a masked column only whether there is a value", async () => {
    const { body } = await query(ada, "select distinct name from airports");
    expect(body.preview).toEqual([["***"]]);
    const sample = await ask(cloud, "data/sample", { token: ada, body: { table_name: "airports", sample_size: 5 } });
    expect(new Set(sample.body.map((row: { NAME: string }) => row.NAME))).toEqual(new Set(["***"]));
  });
});

describe("a sync", () => {
  test("that is cancelled leaves the last snapshot serving", async () => {
    const before = await ask(cloud, "data/tables/PUBLIC/WEATHER/metadata", { token: eve });
    const body = { schema_name: "PUBLIC", table_name: "WEATHER", strategy: "full" };
    const { body: sync } = await ask(cloud, "sync/start", { token: admin, body });
    expect(await ask(cloud, "sync/start", { token: admin, body })).toMatchObject({ status: 409 });
    const cancelled = await ask(cloud, `sync/jobs/${sync.sync_id}/cancel`, { token: admin, body: {} });
    expect(cancelled).toMatchObject({ status: 200, body: { status: "cancelled" } });
    const after = await ask(cloud, "data/tables/PUBLIC/WEATHER/metadata", { token: eve });
    expect(after.body.version).toBe(before.body.version);
    expect((await query(eve, "select count(*) from weather")).body.preview).toEqual([[2922]]);
  });
});
