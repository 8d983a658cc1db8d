import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startApi } from "./start-api.ts";

let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

/** A registered table, as requests name it. */
let table: { table_name: string; schema_name: string };
beforeEach(async () => {
  const schema = await api.addSchema("ORDERS");
  table = { table_name: "ORDERS", schema_name: schema };
  await api.post("sync/tables/register", table);
});

const start = (body: unknown) => api.post("sync/start", body);
const specOf = async (sync: number) =>
  (await api.db.sql<{ spec: Record<string, unknown> }>("select spec from corral.syncs where id = $1", [sync]))[0]?.spec;

const NOTHING_SAID = {
  strategy: "full",
  incremental_key: null,
  primary_key: null,
  filter_condition: null,
  detect_deletes: null,
  append: null,
  name: null,
  overlap_seconds: null,
  batch_size: null,
  max_retries: null,
  timeout_seconds: null,
  checksum: null,
  path: null,
};

describe("POST /api/v1/sync/start", () => {
  test("starts a sync, and answers with the seed's fields and a few more", async () => {
    const { status, body } = await start({ ...table, strategy: "full" });
    expect(status).toBe(200);
    expect(body).toEqual({
      sync_id: expect.any(Number),
      job_id: body.sync_id,
      ...table,
      strategy: "full",
      status: "pending",
      created_at: expect.stringMatching(/^\d{4}-/),
      started_at: null,
      completed_at: null,
      error: null,
      error_code: null,
      stats: null,
      progress: null,
      run_id: expect.any(Number),
      version: null,
    });
    expect(await specOf(body.sync_id)).toEqual(NOTHING_SAID);
    expect(await api.runsAbout("snowflake-to-duckdb", String(body.sync_id))).toMatchObject([{ state: "queued" }]);
  });

  const WISHES = {
    strategy: "Incremental",
    incremental_key: "UPDATED_AT",
    primary_key: ["ID", "LINE"],
    filter_condition: "REGION = 'EU'",
    detect_deletes: true,
    overlap_seconds: 60,
    checksum: "ALWAYS",
    path: "rows",
  };
  const CONFIG = { batch_size: 10_000, max_retries: 4, timeout_seconds: 600 };
  const WANTED = { ...NOTHING_SAID, ...WISHES, ...CONFIG, strategy: "incremental", checksum: "always" };

  test.for<[string, (wishes: object) => object]>([
    ["at top level", (wishes) => ({ ...wishes, config: CONFIG })],
    ["inside sync_request, with config beside it", (wishes) => ({ sync_request: wishes, config: CONFIG })],
    ["inside sync_request, config as well", (wishes) => ({ sync_request: { ...wishes, config: CONFIG } })],
    ["at top level, with an empty sync_request", (wishes) => ({ ...wishes, config: CONFIG, sync_request: null })],
  ])("takes the fields %s", async ([, toBody]) => {
    const { status, body } = await start(toBody({ ...table, ...WISHES }));
    expect(status).toBe(200);
    expect(body.strategy).toBe("incremental");
    expect(await specOf(body.sync_id)).toEqual(WANTED);
  });

  test.for([
    ["FULL", "full"],
    ["Full", "full"],
    [undefined, "full"],
    [null, "full"],
    ["SNAPSHOT", "snapshot"],
  ])("takes the strategy %s as %s", async ([strategy, taken]) => {
    expect((await start({ ...table, strategy })).body).toMatchObject({ strategy: taken, status: "pending" });
  });

  test("finds the table whichever way its names are written, and one column as a primary key", async () => {
    const names = { table_name: "orders", schema_name: table.schema_name.toLowerCase() };
    const { status, body } = await start({ ...names, primary_key: "ID" });
    expect({ status, body }).toMatchObject({ status: 200, body: table });
    expect((await specOf(body.sync_id))?.primary_key).toEqual(["ID"]);
  });

  test("refuses a second sync of a table while one is not over, and names it", async () => {
    const { body } = await start(table);
    expect(await start(table)).toMatchObject({
      status: 409,
      body: { code: "sync_running", detail: expect.stringContaining(`(sync ${body.sync_id})`) },
    });
  });

  test("starts one sync when two are asked for at once", async () => {
    const replies = await Promise.all([start(table), start(table)]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
  });

  test("registers a table first that Snowflake has and nobody registered", async () => {
    const schema = `S${randomUUID().slice(0, 8)}`;
    const reply = start({ table_name: "orders", schema_name: schema });
    const orders = { table_name: "ORDERS", row_count: 3, size_bytes: 1024, last_modified: null };
    await api.publishCatalog(schema.toUpperCase(), [orders]);
    const names = { table_name: "ORDERS", schema_name: schema.toUpperCase() };
    expect(await reply).toMatchObject({ status: 200, body: { ...names, status: "pending" } });
    expect((await api.call(`sync/tables/${schema}/orders/status`)).body).toMatchObject({ ...names, status: "active" });
    expect((await api.call(`admin/tables/${schema}/orders/grants`)).body).toEqual([]);
  });

  test("answers 404 for a table that Snowflake does not have, and for one that was taken off the list", async () => {
    const reply = start({ ...table, table_name: "NOTHING" });
    await api.publishCatalog(table.schema_name, []);
    expect(await reply).toMatchObject({
      status: 404,
      body: { code: "table_not_found", detail: `Table ${table.schema_name}.NOTHING not found` },
    });
    const schema = await api.addSchema("ORDERS");
    const removed = { table_name: "ORDERS", schema_name: schema };
    await api.post("sync/tables/register", removed);
    await api.call(`sync/tables/${schema}/ORDERS`, { method: "DELETE" });
    expect(await start(removed)).toMatchObject({
      status: 404,
      body: { code: "table_not_found", detail: expect.stringContaining("taken off the list. Register it again") },
    });
  });

  test("answers 503 when Snowflake was not asked in time", async () => {
    const body = { table_name: "T", schema_name: `S${randomUUID()}` };
    expect(await api.post("sync/start", body, { headers: { prefer: "wait=0" } })).toMatchObject({
      status: 503,
      body: { code: "source_unavailable" },
    });
  });

  test.for<[string, object]>([
    ["incremental without a key", { strategy: "incremental" }],
    ["one that looks for deleted rows without a primary key", { detect_deletes: true }],
    ["a full one with a name", { name: "audit 2026" }],
  ])("refuses what does not fit together: %s", async ([, wishes]) => {
    expect(await start({ ...table, ...wishes })).toMatchObject({ status: 422, body: { code: "invalid_sync" } });
  });

  test.for<[string, object, (string | number)[][]]>([
    [
      "nothing",
      {},
      [
        ["body", "table_name"],
        ["body", "schema_name"],
      ],
    ],
    ["no schema", { table_name: "T" }, [["body", "schema_name"]]],
    ["no table inside sync_request", { sync_request: { schema_name: "S" } }, [["body", "sync_request", "table_name"]]],
    ["another strategy", { table_name: "T", schema_name: "S", strategy: "some" }, [["body", "strategy"]]],
    [
      "a number that is none",
      { table_name: "T", schema_name: "S", config: { batch_size: "many" } },
      [["body", "config", "batch_size"]],
    ],
    ["a list", [], [["body"]]],
  ])("answers 422 to %s, and says where", async ([, body, faults]) => {
    const reply = await start(body);
    expect(reply.status).toBe(422);
    expect(reply.body.detail.map(({ loc }: { loc: unknown }) => loc)).toEqual(faults);
  });
});

describe("GET /api/v1/sync/jobs/{id}", () => {
  const get = (id: number) => api.call(`sync/jobs/${id}`);

  test("tells how far a sync is", async () => {
    const { body: sync } = await start(table);
    const { run, attempt } = await api.startRun("snowflake-to-duckdb", String(sync.sync_id));
    await api.asService("select * from public.get_sync_task($1, $2)", [run, attempt]);
    await api.asService("select public.report_progress($1, $2, 'unloading', $3)", [run, attempt, { rows: 12 }]);
    expect(await get(sync.sync_id)).toMatchObject({
      status: 200,
      body: {
        sync_id: sync.sync_id,
        job_id: sync.sync_id,
        status: "running",
        started_at: expect.stringMatching(/^\d{4}-/),
        progress: { phase: "unloading", rows: 12 },
      },
    });
  });

  test("tells what a sync brought", async () => {
    const { body: sync } = await start(table);
    const { run, attempt } = await api.startRun("snowflake-to-duckdb", String(sync.sync_id));
    const snapshot = {
      columns: [{ name: "ID", type: "BIGINT", source_type: "NUMBER(38,0)", nullable: false }],
      row_count: 3,
      size_bytes: 4096,
      moment: "2026-11-21T08:00:00Z",
      fixed_moment: true,
      watermark: null,
      stats: { rows_read: 3, credits: 0.01 },
      certificate: { agrees: true },
    };
    await api.asService("select public.publish_snapshot($1, $2, $3)", [run, attempt, JSON.stringify(snapshot)]);
    const { body } = await get(sync.sync_id);
    expect(body).toMatchObject({
      status: "completed",
      completed_at: expect.stringMatching(/^\d{4}-/),
      error: null,
      stats: { rows_read: 3, credits: 0.01 },
      version: expect.stringMatching(/^\d{9}-1$/),
    });
    const status = await api.call(`sync/tables/${table.schema_name}/ORDERS/status`);
    expect(status.body).toMatchObject({
      last_sync_id: sync.sync_id,
      last_sync_status: "completed",
      last_sync_at: body.completed_at,
      row_count: 3,
      size_bytes: 4096,
      version: body.version,
    });
  });

  test("tells why a sync failed", async () => {
    const { body: sync } = await start(table);
    const { run, attempt } = await api.startRun("snowflake-to-duckdb", String(sync.sync_id));
    await api.asService("select public.fail_run($1, $2, 'snowflake_error', 'No such warehouse', false)", [
      run,
      attempt,
    ]);
    expect((await get(sync.sync_id)).body).toMatchObject({
      status: "failed",
      error: "No such warehouse",
      error_code: "snowflake_error",
      completed_at: expect.stringMatching(/^\d{4}-/),
    });
  });
});

describe("GET /api/v1/sync/jobs", () => {
  test("lists the newest syncs, newest first", async () => {
    const { body: first } = await start(table);
    await api.post(`sync/jobs/${first.sync_id}/cancel`, undefined);
    const { body: second } = await start(table);
    const ids = async (query: string) =>
      (await api.call(`sync/jobs${query}`)).body.map((sync: { sync_id: number }) => sync.sync_id);
    expect((await ids("")).slice(0, 2)).toEqual([second.sync_id, first.sync_id]);
    expect(await ids("?limit=1")).toEqual([second.sync_id]);
    for (const limit of ["0", "1001", "x", ""]) expect((await api.call(`sync/jobs?limit=${limit}`)).status).toBe(422);
  });
});

describe("POST /api/v1/sync/jobs/{id}/cancel", () => {
  const cancel = (id: number) => api.post(`sync/jobs/${id}/cancel`, undefined);

  test("ends a sync and its run, answers the same again, and lets another start", async () => {
    const { body: sync } = await start(table);
    for (let times = 0; times < 2; times++) {
      expect(await cancel(sync.sync_id)).toMatchObject({
        status: 200,
        body: { sync_id: sync.sync_id, job_id: sync.sync_id, status: "cancelled" },
      });
    }
    expect(await api.runsAbout("snowflake-to-duckdb", String(sync.sync_id))).toMatchObject([{ state: "cancelled" }]);
    expect((await start(table)).status).toBe(200);
  });

  test("refuses to cancel what is over", async () => {
    const { body: sync } = await start(table);
    const { run, attempt } = await api.startRun("snowflake-to-duckdb", String(sync.sync_id));
    await api.asService("select public.fail_run($1, $2, 'snowflake_error', 'x', false)", [run, attempt]);
    expect(await cancel(sync.sync_id)).toMatchObject({ status: 409, body: { code: "sync_over" } });
  });
});

describe("an id that is no sync's", () => {
  test.for([
    ["999999", 404],
    ["0", 404],
    ["9007199254740991", 404],
    ["9007199254740993", 422],
    ["-1", 422],
    ["1.5", 422],
    ["rain", 422],
    ["%00", 422],
  ] as const)("%s is answered with %i", async ([id, status]) => {
    for (const reply of [await api.call(`sync/jobs/${id}`), await api.post(`sync/jobs/${id}/cancel`, undefined)]) {
      expect(reply.status).toBe(status);
      expect(reply.body.code).toBe(status === 404 ? "sync_not_found" : "invalid_request");
    }
  });
});
