import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SourceTable, startApi } from "./start-api.ts";

let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const newSchema = () => `S${randomUUID().slice(0, 8).toUpperCase()}`;
const ORDERS: SourceTable = {
  table_name: "ORDERS",
  row_count: 3_000_000,
  size_bytes: 123_456_789,
  last_modified: "2026-11-20T08:00:00+00:00",
};
const VIEW: SourceTable = { table_name: "Rain", row_count: null, size_bytes: null, last_modified: null };

const register = (schema: string, table: string, more: Record<string, unknown> = {}) =>
  api.post("sync/tables/register", { table_name: table, schema_name: schema, ...more });

/** A registered table in a schema of its own. */
async function addTable(table = "ORDERS") {
  const schema = await api.addSchema(table);
  const { body } = await register(schema, table);
  return { schema, table, id: body.table_id as number };
}

describe("GET /api/v1/sync/tables/{schema}", () => {
  test("waits for the container that asks Snowflake, and lists what that found", async () => {
    const schema = newSchema();
    const reply = api.call(`sync/tables/${schema}`);
    await api.publishCatalog(schema, [VIEW, ORDERS]);
    expect(await reply).toMatchObject({ status: 200, body: [ORDERS, VIEW] });
  });

  test("starts no second container within a minute, nor for many at once", async () => {
    const schema = newSchema();
    const replies = [1, 2, 3].map(() => api.call(`sync/tables/${schema}`));
    await api.publishCatalog(schema, [ORDERS]);
    for (const reply of [...replies, api.call(`sync/tables/${schema.toLowerCase()}`)]) {
      expect(await reply).toMatchObject({ status: 200, body: [ORDERS] });
    }
    expect(await api.runsAbout("snowflake-catalog", schema)).toHaveLength(1);
  });

  test("asks again when a minute is over", async () => {
    const schema = await api.addSchema("OLD");
    await api.db.sql(
      "update corral.source_schemas set listed_at = corral.now() - interval '61 s' where schema_name = $1",
      [schema],
    );
    const reply = api.call(`sync/tables/${schema}`);
    await api.publishCatalog(schema, [ORDERS]);
    expect((await reply).body).toEqual([ORDERS]);
  });

  test("lists nothing of a schema without tables", async () => {
    const schema = newSchema();
    const reply = api.call(`sync/tables/${schema}`);
    await api.publishCatalog(schema, []);
    expect(await reply).toMatchObject({ status: 200, body: [] });
  });

  test("answers 503 when Snowflake was not asked in time, and says when to come back", async () => {
    const reply = await api.call(`sync/tables/${newSchema()}`, { headers: { prefer: "wait=0" } });
    expect(reply).toMatchObject({ status: 503, body: { code: "source_unavailable" } });
    expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(reply.headers.get("preference-applied")).toBe("wait=0");
  });

  test("tells in its own words why Snowflake could not be asked", async () => {
    const schema = newSchema();
    const reply = api.call(`sync/tables/${schema}`);
    const { run, attempt } = await api.startRun("snowflake-catalog", schema);
    await api.asService(
      "select public.fail_run($1, $2, 'snowflake_unauthorized', 'Incorrect username or password', false)",
      [run, attempt],
    );
    expect(await reply).toMatchObject({
      status: 502,
      body: { code: "snowflake_unauthorized", detail: "Incorrect username or password" },
    });
  });
});

describe("POST /api/v1/sync/tables/register", () => {
  test("registers a table that Snowflake has, with the seed's fields and nothing else", async () => {
    const schema = newSchema();
    const reply = register(schema.toLowerCase(), "orders");
    await api.publishCatalog(schema, [ORDERS]);
    const { status, body } = await reply;
    expect(status).toBe(200);
    expect(body).toEqual({
      table_id: expect.any(Number),
      table_name: "ORDERS",
      schema_name: schema,
      status: "active",
    });
  });

  test("finds schema and table by the names that it answers, small letters and blanks included", async () => {
    const names = { schema_name: `my ${randomUUID().slice(0, 8)}`, table_name: "my table" };
    const listed = { table_name: "my table", row_count: 1, size_bytes: 1, last_modified: null };
    await api.db.sql("insert into corral.source_schemas values ($1, upper($1), corral.now())", [names.schema_name]);
    await api.db.sql("insert into corral.source_tables values ($1, $2, 1, 1, null)", [names.schema_name, "my table"]);
    const quoted = { schema_name: `"${names.schema_name}"`, table_name: '"my table"' };
    for (const asked of [quoted, names]) {
      const [schema, table] = [asked.schema_name, asked.table_name].map(encodeURIComponent);
      expect((await api.call(`sync/tables/${schema}`)).body).toEqual([listed]);
      expect(await register(asked.schema_name, asked.table_name)).toMatchObject({ status: 200, body: names });
      expect(await api.post("admin/tables", { action: "add", ...asked })).toMatchObject({ status: 200, body: names });
      expect((await api.call(`sync/tables/${schema}/${table}/status`)).body).toMatchObject(names);
      const { body: sync } = await api.post("sync/start", asked);
      expect(sync).toMatchObject({ ...names, status: "pending" });
      await api.post(`sync/jobs/${sync.sync_id}/cancel`, undefined);
    }
  });

  test("answers the same table when it is registered again, and keeps what was said about it", async () => {
    const { schema, id } = await addTable();
    await register(schema, "ORDERS", { description: "All of them", tags: ["sales"] });
    const { status, body } = await register(schema, "orders");
    expect({ status, id: body.table_id }).toEqual({ status: 200, id });
    const [listed] = (await api.call("sync/tables")).body.filter((row: { table_id: number }) => row.table_id === id);
    expect(listed).toMatchObject({ description: "All of them", tags: ["sales"] });
  });

  test("answers 404 for a table that Snowflake does not have, once it was asked again", async () => {
    const schema = await api.addSchema("OTHERS");
    const reply = register(schema, "nothing");
    await api.publishCatalog(schema, [ORDERS]);
    expect(await reply).toMatchObject({
      status: 404,
      body: { code: "table_not_in_source", detail: expect.stringContaining("nothing not found in Snowflake") },
    });
  });

  test.for<[string, object, (string | number)[]]>([
    ["no table", { schema_name: "S" }, ["body", "table_name"]],
    ["no schema", { table_name: "T" }, ["body", "schema_name"]],
    ["an empty name", { table_name: "", schema_name: "S" }, ["body", "table_name"]],
    ["a name that cannot be stored", { table_name: "a\u0000", schema_name: "S" }, ["body", "table_name"]],
    ["tags that are no words", { table_name: "T", schema_name: "S", tags: [1] }, ["body", "tags", 0]],
  ])("answers 422 to %s", async ([, body, loc]) => {
    const reply = await api.post("sync/tables/register", body);
    expect(reply).toMatchObject({ status: 422, body: { detail: [{ loc }] } });
  });
});

describe("GET /api/v1/sync/tables", () => {
  test("lists what is registered, before and after its first sync", async () => {
    const { id, schema } = await addTable("RAIN");
    const listed = async () =>
      (await api.call("sync/tables")).body.find((row: { table_id: number }) => row.table_id === id);
    expect(await listed()).toEqual({
      table_id: id,
      table_name: "RAIN",
      schema_name: schema,
      status: "active",
      description: null,
      tags: [],
      row_count: null,
      size_bytes: null,
      version: null,
      strategy: null,
      schedule: null,
      last_sync_id: null,
      last_sync_status: null,
      last_sync_at: null,
      created_at: expect.stringMatching(/^\d{4}-/),
    });
    const { body: sync } = await api.post("sync/start", { table_name: "RAIN", schema_name: schema });
    expect(await listed()).toMatchObject({
      strategy: "full",
      last_sync_id: sync.sync_id,
      last_sync_status: "pending",
      last_sync_at: sync.created_at,
    });
    expect((await api.call("admin/tables")).body).toEqual((await api.call("sync/tables")).body);
  });
});

describe("GET /api/v1/sync/tables/{schema}/{table}/status", () => {
  test("tells how a table stands, with the seed's fields", async () => {
    const { schema, id } = await addTable();
    expect(await api.call(`sync/tables/${schema}/orders/status`)).toMatchObject({
      status: 200,
      body: {
        table_id: id,
        table_name: "ORDERS",
        schema_name: schema,
        last_sync_id: null,
        last_sync_status: null,
        last_sync_at: null,
        last_error: null,
        row_count: null,
        size_bytes: null,
        version: null,
        schedule: null,
        status: "active",
      },
    });
  });

  test("tells why the last sync failed", async () => {
    const { schema } = await addTable();
    const { body: sync } = await api.post("sync/start", { table_name: "ORDERS", schema_name: schema });
    const { run, attempt } = await api.startRun("snowflake-to-duckdb", String(sync.sync_id));
    await api.asService("select public.fail_run($1, $2, 'snowflake_error', 'No such warehouse', false)", [
      run,
      attempt,
    ]);
    expect((await api.call(`sync/tables/${schema}/ORDERS/status`)).body).toMatchObject({
      last_sync_id: sync.sync_id,
      last_sync_status: "failed",
      last_error: "No such warehouse",
    });
  });
});

describe("GET /api/v1/sync/tables/{schema}/{table}/snapshots", () => {
  test("lists the versions, the newest first, with the names of those that are kept", async () => {
    const { schema } = await addTable();
    for (const options of [{ strategy: "snapshot", name: "before the move" }, { strategy: "full" }]) {
      const { body: sync } = await api.post("sync/start", { table_name: "ORDERS", schema_name: schema, ...options });
      const { run, attempt } = await api.startRun("snowflake-to-duckdb", String(sync.sync_id));
      const snapshot = { columns: [], row_count: 3, size_bytes: 9, moment: new Date(), fixed_moment: true };
      await api.asService("select public.publish_snapshot($1, $2, $3)", [run, attempt, JSON.stringify(snapshot)]);
    }
    const { status, body } = await api.call(`sync/tables/${schema}/ORDERS/snapshots`);
    expect(status).toBe(200);
    expect(body).toMatchObject([
      { name: null, is_current: true, row_count: 3 },
      { name: "before the move", is_current: false, row_count: 3 },
    ]);
  });
});

describe("DELETE /api/v1/sync/tables/{schema}/{table}", () => {
  test("takes a table off the list, with the seed's fields and nothing else", async () => {
    const { schema, id } = await addTable();
    const { status, body } = await api.call(`sync/tables/${schema}/orders`, { method: "DELETE" });
    expect(status).toBe(200);
    expect(body).toEqual({ table_id: id, table_name: "ORDERS", schema_name: schema, status: "inactive" });
    const ids = (await api.call("sync/tables")).body.map((row: { table_id: number }) => row.table_id);
    expect(ids).not.toContain(id);
    expect((await register(schema, "ORDERS")).body).toMatchObject({ table_id: id, status: "active" });
  });
});

describe("POST /api/v1/admin/tables", () => {
  const manage = (fields: Record<string, unknown>) => api.post("admin/tables", fields);

  test("adds a table and removes it, with the seed's fields and nothing else", async () => {
    const schema = await api.addSchema("ORDERS");
    const table = { table_name: "orders", schema_name: schema };
    const found = { table_id: expect.any(Number), table_name: "ORDERS", schema_name: schema, source: "snowflake" };
    const added = await manage({ action: "add", ...table });
    expect({ ...added, headers: null }).toEqual({ status: 200, headers: null, body: { ...found, status: "active" } });
    const removed = await manage({ action: "REMOVE", ...table });
    expect({ ...removed, headers: null }).toEqual({
      status: 200,
      headers: null,
      body: { ...found, status: "inactive" },
    });
  });

  test("grants what it adds to everybody's swarm, or to the one that is named", async () => {
    const schema = await api.addSchema("ORDERS");
    const table = { table_name: "ORDERS", schema_name: schema };
    await manage({ action: "add", ...table });
    await manage({ action: "add", ...table, swarm: "lab", hidden_columns: ["PRICE"], masked_columns: ["NAME"] });
    expect((await api.call(`admin/tables/${schema}/ORDERS/grants`)).body).toMatchObject([
      { swarm: "default", hidden_columns: [], masked_columns: [] },
      { swarm: "lab", hidden_columns: ["PRICE"], masked_columns: ["NAME"] },
    ]);
  });

  test("takes a table from one swarm where it names one, and leaves it to the others", async () => {
    const schema = await api.addSchema("ORDERS");
    const table = { table_name: "orders", schema_name: schema };
    for (const swarm of ["lab", "field"]) await manage({ action: "add", ...table, swarm });
    expect(await manage({ action: "remove", ...table, swarm: "lab" })).toMatchObject({
      status: 200,
      body: { table_name: "ORDERS", schema_name: schema, status: "active", source: "snowflake" },
    });
    const grants = await api.call(`admin/tables/${schema}/ORDERS/grants`);
    expect(grants.body.map(({ swarm }: { swarm: string }) => swarm)).toEqual(["field"]);
    expect(await manage({ action: "remove", ...table, swarm: "lab" })).toMatchObject({
      status: 404,
      body: { code: "grant_not_found" },
    });
  });

  test("answers 404 when it is to remove a table that is not registered", async () => {
    const reply = await manage({ action: "remove", table_name: "NOTHING", schema_name: "NOWHERE" });
    expect(reply).toMatchObject({ status: 404, body: { code: "table_not_found" } });
  });

  test("answers 422 to any other action", async () => {
    expect(await manage({ action: "drop", table_name: "T", schema_name: "S" })).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ["body", "action"] }] },
    });
  });
});

describe("PATCH /api/v1/admin/tables/{schema}/{table}", () => {
  test("changes what is given, and nothing else", async () => {
    const { schema, id } = await addTable();
    const patch = (body: object) => api.call(`admin/tables/${schema}/ORDERS`, { method: "PATCH", body });
    const listed = async () => {
      const { description, tags } = (await api.call("sync/tables")).body.find(
        (row: { table_id: number }) => row.table_id === id,
      );
      return { description, tags };
    };
    expect(await patch({ description: "All orders", tags: ["sales"] })).toMatchObject({
      status: 200,
      body: { table_id: id },
    });
    expect(await listed()).toEqual({ description: "All orders", tags: ["sales"] });
    await patch({ description: null });
    expect(await listed()).toEqual({ description: null, tags: ["sales"] });
    await patch({ tags: [] });
    expect(await listed()).toEqual({ description: null, tags: [] });
    expect((await patch({ name: "x" })).status).toBe(422);
  });
});

describe("/api/v1/admin/tables/{schema}/{table}/grants", () => {
  const grants = (schema: string, swarm = "") => `admin/tables/${schema}/ORDERS/grants${swarm && `/${swarm}`}`;

  test("a grant is put, replaced, listed and revoked", async () => {
    const { schema, id } = await addTable();
    const put = (body: object) => api.call(grants(schema, "field%20lab"), { method: "PUT", body });
    const grant = { table_id: id, schema_name: schema, table_name: "ORDERS", swarm: "field lab" };
    const first = await put({ hidden_columns: ["PRICE"] });
    expect(first.status).toBe(200);
    expect(first.body).toEqual({
      ...grant,
      hidden_columns: ["PRICE"],
      masked_columns: [],
      unknown_columns: ["PRICE"],
      created_at: expect.stringMatching(/^\d{4}-/),
    });
    expect((await put({ masked_columns: ["NAME"] })).body).toMatchObject({
      hidden_columns: [],
      masked_columns: ["NAME"],
    });
    expect((await api.call(grants(schema))).body).toMatchObject([{ ...grant, masked_columns: ["NAME"] }]);

    const revoke = () => api.call(grants(schema, "field%20lab"), { method: "DELETE" });
    expect(await revoke()).toMatchObject({ status: 200, body: { message: "Grant revoked" } });
    expect((await api.call(grants(schema))).body).toEqual([]);
    expect(await revoke()).toMatchObject({ status: 404, body: { code: "grant_not_found" } });
  });
});

describe("a table that is not registered", () => {
  test.for<[string, string, object | undefined]>([
    ["GET", "sync/tables/NOWHERE/NOTHING/status", undefined],
    ["DELETE", "sync/tables/NOWHERE/NOTHING", undefined],
    ["GET", "sync/tables/NOWHERE/NOTHING/schedule", undefined],
    ["PUT", "sync/tables/NOWHERE/NOTHING/schedule", { cron: "0 4 * * *" }],
    ["DELETE", "sync/tables/NOWHERE/NOTHING/schedule", undefined],
    ["PATCH", "admin/tables/NOWHERE/NOTHING", {}],
    ["GET", "admin/tables/NOWHERE/NOTHING/grants", undefined],
    ["PUT", "admin/tables/NOWHERE/NOTHING/grants/lab", {}],
    ["DELETE", "admin/tables/NOWHERE/NOTHING/grants/lab", undefined],
  ])("is answered 404 by %s %s", async ([method, path, body]) => {
    expect(await api.call(path, { method, body })).toMatchObject({ status: 404, body: { code: "table_not_found" } });
  });
});
