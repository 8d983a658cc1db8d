import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COLUMNS, startDataScene } from "./start-data-scene.ts";

const SYNCED = COLUMNS.map((column) => ({ ...column, source_type: "NUMBER(38,0)" }));
const figures = {
  null_count: 1,
  null_share: 0.25,
  distinct_count: 3,
  distinct_is_exact: true,
  min: 1,
  max: 3,
  mean: 2,
  std: 1,
  q25: 1,
  q50: 2,
  q75: 3,
  top_values: [{ value: 1, count: 1 }],
  histogram: [{ from: 1, to: 3, count: 3 }],
};
const PROFILE = {
  version: "1",
  row_count: 4,
  size_bytes: 4096,
  columns: SYNCED.map((column) => ({ ...column, ...figures })),
};
const WITHHELD = {
  distinct_count: null,
  distinct_is_exact: null,
  min: null,
  max: null,
  mean: null,
  std: null,
  q25: null,
  q50: null,
  q75: null,
  top_values: null,
  histogram: null,
};

let scene: Awaited<ReturnType<typeof startDataScene>>;
let agent: Awaited<ReturnType<typeof scene.createAgent>>;
let stranger: Awaited<ReturnType<typeof scene.createAgent>>;
let flights: Awaited<ReturnType<typeof scene.addTable>>;
let airports: Awaited<ReturnType<typeof scene.addTable>>;
beforeAll(async () => {
  scene = await startDataScene();
  agent = await scene.createAgent();
  stranger = await scene.createAgent();
  flights = await scene.addTable({
    table: "FLIGHTS",
    description: "Each flight of 2001",
    tags: ["traffic", "daily"],
    columns: SYNCED,
    totalRows: 4,
    profile: PROFILE,
  });
  airports = await scene.addTable({ schema: "Geo data", table: "AIRPORTS/é", tags: ["traffic"], profile: PROFILE });
  await scene.grant(flights, agent.swarm);
  await scene.grant(airports, agent.swarm, { hidden: ["id"], masked: ["NAME"] });
  await scene.addTable({ table: "SECRETS" });
});
afterAll(() => scene.close());

const list = (query = "", { token } = agent) => scene.call(`data/tables${query}`, { token });
const profile = (wish: object, { token } = agent) => scene.post("data/profile", wish, { token });

describe("GET /data/tables", () => {
  test("lists the tables that are granted, with what is known of them", async () => {
    const { status, body, headers } = await list();
    expect(status).toBe(200);
    expect(body).toEqual([
      {
        table_name: "AIRPORTS/é",
        schema_name: "Geo data",
        description: null,
        tags: ["traffic"],
        columns: [{ name: "NAME", type: "VARCHAR", source_type: null, masked: true }],
        row_count: 3,
        size_bytes: 4096,
        version: airports.version,
        synced_at: expect.any(String),
        moment: "2026-11-21T12:00:00+00:00",
        fixed_moment: true,
      },
      expect.objectContaining({
        table_name: "FLIGHTS",
        description: "Each flight of 2001",
        columns: SYNCED.map((column) => ({ ...column, masked: false })),
      }),
    ]);
    expect((await scene.recordOf(headers)).at(-1)).toMatchObject({ status: 200, rows: "2" });
  });

  test.for([
    ["?search=flight", ["FLIGHTS"]],
    ["?search=2001", ["FLIGHTS"]],
    ["?search=geo%20data", ["AIRPORTS/é"]],
    ["?tag=traffic", ["AIRPORTS/é", "FLIGHTS"]],
    ["?tag=daily", ["FLIGHTS"]],
    ["?tag=daily&search=geo", []],
    ["?search=&tag=", ["AIRPORTS/é", "FLIGHTS"]],
    // It is hidden there.
    ["?search=id", ["FLIGHTS"]],
  ] as const)("finds by %s", async ([query, names]) => {
    const { body } = await list(query);
    expect(body.map(({ table_name }: { table_name: string }) => table_name)).toEqual(names);
  });

  test("shows an admin all tables and a stranger none", async () => {
    expect((await list("", { ...agent, token: scene.admin.token })).body).toHaveLength(3);
    expect((await list("", stranger)).body).toEqual([]);
  });
});

describe("GET /data/tables/{schema}/{table}/metadata", () => {
  test("tells of one table, whose name may be anything", async () => {
    const { status, body } = await scene.call("data/tables/Geo%20data/AIRPORTS%2F%C3%A9/metadata", agent);
    expect({ status, body }).toMatchObject({ status: 200, body: { table_name: "AIRPORTS/é", row_count: 3 } });
  });

  test("does not tell of one that is not granted", async () => {
    for (const path of ["PUBLIC/SECRETS", "PUBLIC/NOTHING", "OTHER/FLIGHTS"]) {
      const { status, body } = await scene.call(`data/tables/${path}/metadata`, agent);
      expect({ status, body }).toMatchObject({ status: 404, body: { code: "table_not_found" } });
    }
  });
});

describe("a table that is refused", () => {
  test.for<[string, (token: string) => ReturnType<typeof scene.call>, object]>([
    ["a sample", (token) => scene.post("data/sample", { table_name: "secrets" }, { token }), { table_name: "secrets" }],
    [
      "a profile",
      (token) => scene.post("data/profile", { table_name: "secrets" }, { token }),
      { table_name: "secrets" },
    ],
    [
      "metadata",
      (token) => scene.call("data/tables/public/Secrets/metadata", { token }),
      { schema_name: "public", table_name: "Secrets" },
    ],
  ])("is on record for whoever looks for it, as it was asked for: %s", async ([, ask, asked]) => {
    const { token, agent: name } = await scene.createAgent();
    const { status, headers } = await ask(token);
    expect(status).toBe(404);
    await scene.recordOf(headers);
    const { body } = await scene.call(`admin/audit?table=PUBLIC.SECRETS&agent=${name}`);
    expect(body.entries).toMatchObject([
      { event: "finished", status: 404, error_code: "table_not_found" },
      { event: "detail", details: { asked, tables: [{ table: "PUBLIC.SECRETS" }] } },
      { event: "received" },
    ]);
  });
});

describe("POST /data/profile", () => {
  test("answers what the sync has computed", async () => {
    const { status, body } = await profile({ table_name: "flights", force_refresh: null, sample_size: null });
    expect(status).toBe(200);
    expect(body).toEqual({
      table_name: "FLIGHTS",
      schema_name: "PUBLIC",
      description: "Each flight of 2001",
      tags: ["traffic", "daily"],
      row_count: 4,
      size_bytes: 4096,
      version: flights.version,
      synced_at: expect.any(String),
      moment: expect.any(String),
      fixed_moment: true,
      source: "sync",
      profiled_rows: 4,
      columns: PROFILE.columns.map((column) => ({ ...column, masked: false })),
    });
  });

  test("tells nothing of hidden columns, and of masked ones only their nulls", async () => {
    const { body } = await profile({ schema_name: "Geo data", table_name: "AIRPORTS/é" });
    expect(body.columns).toEqual([
      { name: "NAME", type: "VARCHAR", masked: true, null_count: 1, null_share: 0.25, ...WITHHELD },
    ]);
  });

  test("is a query's result when it is to be fresh", async () => {
    const asked = profile({ table_name: "FLIGHTS", force_refresh: true, sample_size: 2 });
    const query = await scene.claimQuery();
    expect(query).toMatchObject({
      output_format: "json",
      sql: expect.stringContaining("reservoir(2 rows)"),
      limits: { bytes: 8 * 1024 * 1024 },
    });
    const nothing = { mean: null, std: null, q25: null, q50: null, q75: null, histogram: null };
    const id = { row_count: 2, null_count: 0, distinct_count: 2, distinct_is_exact: true, min: 1, max: 2 };
    const name = { row_count: 2, null_count: 1, distinct_count: 1, distinct_is_exact: true, min: "b", max: "b" };
    const rows = [
      { ...id, ...{ mean: 1.5, std: 0.5, q25: 1, q50: 1.5, q75: 2, top_values: [], histogram: [] } },
      { ...name, ...nothing, top_values: [{ value: "b", count: 1 }] },
    ].map((figures, place) => ({ place, profile: JSON.stringify(figures) }));
    await scene.completeQuery(query, { content: JSON.stringify(rows) });
    const { status, body } = await asked;
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        source: "query",
        profiled_rows: 2,
        row_count: 4,
        columns: [
          { name: "ID", type: "BIGINT", source_type: "NUMBER(38,0)", min: 1, max: 2, q50: 1.5, null_share: 0 },
          { name: "NAME", min: "b", null_share: 0.5, top_values: [{ value: "b", count: 1 }], histogram: null },
        ],
      },
    });
  });

  test("fresh and not there in time, is answered 202 with the query", async () => {
    const reply = await scene.post(
      "data/profile",
      { table_name: "FLIGHTS", force_refresh: true },
      { token: agent.token, headers: { prefer: "wait=0" } },
    );
    const query = await scene.claimQuery();
    expect(query.sql).not.toContain("reservoir");
    expect(reply).toMatchObject({ status: 202, body: { query_id: query.query_id } });
    await scene.failQuery(query, "query_memory", "too much");
  });

  test("fails as its query does", async () => {
    const asked = profile({ table_name: "FLIGHTS", force_refresh: true });
    await scene.failQuery(await scene.claimQuery(), "query_memory", "It needs more than 512 MB");
    expect(await asked).toMatchObject({
      status: 422,
      body: { code: "query_memory", detail: "It needs more than 512 MB" },
    });
  });

  test("of a table whose files are not there is answered 503, and once they are, with them", async () => {
    const late = await scene.addTable();
    await scene.grant(late, agent.swarm);
    expect(await profile({ table_name: late.table })).toMatchObject({
      status: 503,
      body: { code: "storage_unavailable" },
    });
    await scene.bucket.file(`snapshots/${late.folder}/profile.json`).save(JSON.stringify(PROFILE));
    expect((await profile({ table_name: late.table })).status).toBe(200);
  });
});
