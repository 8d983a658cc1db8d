import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COLUMNS, numbered, startDataScene } from "./start-data-scene.ts";

let scene: Awaited<ReturnType<typeof startDataScene>>;
let agent: Awaited<ReturnType<typeof scene.createAgent>>;
let colleague: Awaited<ReturnType<typeof scene.createAgent>>;
let stranger: Awaited<ReturnType<typeof scene.createAgent>>;
beforeAll(async () => {
  scene = await startDataScene();
  agent = await scene.createAgent();
  colleague = await scene.createAgent({ swarm: agent.swarm });
  stranger = await scene.createAgent();
  await scene.grant(await scene.addTable({ table: "FLIGHTS" }), agent.swarm);
});
afterAll(() => scene.close());

const WISH = { query: "select * from flights", output_format: "CSV" };
const submit = (wish: object = {}, headers: Record<string, string> = {}, path = "queries/execute") =>
  scene.post(path, { ...WISH, ...wish }, { token: agent.token, headers });
const submitText = (body: string) =>
  scene.post("queries", body, { token: agent.token, headers: { "content-type": "application/json" } });
const get = (id: string, { token } = agent) => scene.call(`queries/${id}`, { token });
const result = (id: string, query = "", { token } = agent) => scene.fetch(`queries/${id}/result${query}`, { token });

/** Submits a query, and has it answered. */
async function complete(outcome: Parameters<typeof scene.completeQuery>[1] = {}, wish: object = {}) {
  const { body } = await submit(wish);
  await scene.completeQuery(await scene.claimQuery(), outcome);
  return String(body.query_id);
}

describe("POST /queries", () => {
  test.for(["queries/execute", "queries/", "queries"])("takes a query at /%s", async (path) => {
    const { status, body } = await submit({}, {}, path);
    expect(status).toBe(202);
    expect(body).toEqual({
      query_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      job_id: body.query_id,
      task_id: body.query_id,
      status: "pending",
      query: WISH.query,
      output_format: "csv",
      created_at: expect.any(String),
      started_at: null,
      finished_at: null,
      columns: null,
      preview: null,
      is_cut: null,
      row_count: null,
      result_file: null,
      result_url: null,
      result_bytes: null,
      receipt: null,
      error: null,
      error_code: null,
      stats: null,
    });
    const query = await scene.claimQuery();
    expect(query).toMatchObject({ query_id: body.query_id, sql: WISH.query, parameters: null, output_format: "csv" });
    await scene.completeQuery(query);
  });

  test("says pending without a wait, however soon a runner begins", async () => {
    await scene.db.sql(`
      create function public.begin_at_once() returns trigger language plpgsql security definer as $$
      begin
        update corral.queries set state = 'running' where id = new.id;
        return null;
      end $$;
      create constraint trigger begin_at_once after insert on corral.queries
        deferrable initially deferred for each row execute function public.begin_at_once()`);
    const { status, body } = await submit({ output_format: null });
    await scene.db.sql("drop function public.begin_at_once cascade");
    expect({ status, body }).toMatchObject({ status: 202, body: { status: "pending", output_format: "json" } });
    expect((await get(body.query_id)).body.status).toBe("running");
    await scene.call(`queries/${body.query_id}/cancel`, { ...agent, method: "POST" });
  });

  test("hands on parameters and limits as they are", async () => {
    for (const parameters of [[1, "a", null, [true]], { name: "x", big: 1.5 }]) {
      await submit({ parameters, limits: { seconds: 5, rows: 10 } });
      const query = await scene.claimQuery();
      expect(query).toMatchObject({ parameters, limits: { seconds: 5, rows: 10, memory_mb: 512 } });
      await scene.completeQuery(query);
    }
  });

  test("waits for the result with Prefer: wait", async () => {
    const asked = submit({}, { prefer: "wait=20" });
    await scene.completeQuery(await scene.claimQuery(), { preview: numbered(2), rowCount: 5, content: "ID,NAME\n" });
    const { status, body, headers } = await asked;
    expect(status).toBe(200);
    expect(headers.get("preference-applied")).toBe("wait=20");
    expect(body).toMatchObject({
      status: "completed",
      columns: COLUMNS,
      preview: [
        [0, "name 0"],
        [1, "name 1"],
      ],
      is_cut: true,
      row_count: 5,
      result_bytes: 8,
      receipt: { sql_hash: "abc", row_count: 5 },
      stats: { seconds: 0.01 },
    });
    expect(body.result_file).toBe(body.result_url);
    expect(await (await fetch(body.result_url)).text()).toBe("ID,NAME\n");
    expect((await scene.recordOf(headers)).at(-1)).toMatchObject({ status: 200 });
  });

  test("answers a query that fails while it waits with its error", async () => {
    const asked = submit({ query: "select nothing from flights" }, { prefer: "wait=20" });
    const message = 'Binder Error: column "nothing" not found\nLINE 1: select nothing from flights\n               ^';
    await scene.failQuery(await scene.claimQuery(), "sql_error", message);
    expect(await asked).toMatchObject({
      status: 200,
      body: { status: "failed", error: message, error_code: "sql_error" },
    });
  });

  test("is told no more than that it runs when the time is up", async () => {
    const { status, body } = await submit({}, { prefer: "wait=0" });
    expect({ status, state: body.status }).toEqual({ status: 202, state: "pending" });
    await scene.completeQuery(await scene.claimQuery());
  });

  test("answers 429 to more at once than the token may have, telling when to come back", async () => {
    const bound = await scene.createAgent({ limits: { concurrent_queries: 1 } });
    const ask = () => scene.post("queries", WISH, { token: bound.token });
    expect((await ask()).status).toBe(202);
    const { status, body, headers } = await ask();
    expect({ status, body }).toMatchObject({ status: 429, body: { code: "too_many_queries" } });
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    await scene.completeQuery(await scene.claimQuery());
    expect((await ask()).status).toBe(202);
    await scene.completeQuery(await scene.claimQuery());
  });

  test("puts on record the SQL, what its caller could see, and what it has read in the end", async () => {
    const { headers, body } = await submit();
    const [, detail] = await scene.recordOf(headers);
    expect(detail?.details).toMatchObject({
      query_id: body.query_id,
      sql: WISH.query,
      in_sight: [{ table: "PUBLIC.FLIGHTS" }],
    });
    const snapshots = [{ table: "PUBLIC.FLIGHTS", version: "7" }];
    await scene.completeQuery(await scene.claimQuery(), { snapshots });
    const end = (await scene.recordOf(headers)).at(-1);
    expect(end?.details).toMatchObject({ query_id: body.query_id, outcome: "completed", tables: snapshots });
  });

  test.for([
    { query: "" },
    { query: "select '\0'" },
    { query: 1 },
    { output_format: "xml" },
    { parameters: "a" },
    { parameters: ["\0"] },
    { parameters: ["\ud800"] },
    { parameters: { "\0": 1 } },
    { limits: { seconds: 0 } },
    { limits: { hours: 1 } },
    { colour: "red" },
  ])("refuses %j", async (wish) => {
    expect(await submit(wish)).toMatchObject({ status: 422, body: { code: "invalid_request" } });
  });

  test.for([
    "[9007199254740993]",
    "[-9007199254740992]",
    '{"id": [1, 18446744073709551615]}',
    "[12345678901234567890123456789012345678]",
    "[1e20]",
    "[1e400]",
  ])("refuses parameters with numbers that JSON rounds, and says to send texts: %s", async (parameters) => {
    const { status, body } = await submitText(`{"query":"select 1","parameters":${parameters}}`);
    expect({ status, body }).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ["body", "parameters"], msg: expect.stringContaining("send them as texts") }] },
    });
  });

  test("takes parameters that are doubles beyond all integers, and the largest integers as numbers and as texts", async () => {
    const parameters = [1e300, -1.5e-7, 9007199254740991, "9007199254740993"];
    await submit({ parameters });
    const query = await scene.claimQuery();
    expect(query.parameters).toEqual(parameters);
    await scene.completeQuery(query);
  });

  test("refuses parameters that are nested without end", async () => {
    const { status } = await submitText(
      `{"query":"select 1","parameters":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    );
    expect(status).toBe(422);
  });
});

describe("GET /queries/{id}", () => {
  test("tells how a query stands, at either path, to its whole swarm", async () => {
    const { body: submitted } = await submit();
    expect(await get(submitted.query_id)).toMatchObject({ status: 200, body: submitted });
    const query = await scene.claimQuery();
    expect((await get(`jobs/${submitted.query_id}`)).body).toMatchObject({
      status: "running",
      started_at: expect.any(String),
    });
    await scene.completeQuery(query);
    expect((await get(submitted.query_id, colleague)).body).toMatchObject({
      status: "completed",
      result_file: expect.any(String),
    });
  });

  test("is for nobody in another swarm, at none of the paths", async () => {
    const id = await complete();
    const paths = [`queries/${id}`, `queries/jobs/${id}`, `queries/${id}/result`];
    for (const path of paths) {
      expect(await scene.call(path, stranger)).toMatchObject({ status: 404, body: { code: "query_not_found" } });
    }
    const cancelled = await scene.call(`queries/${id}/cancel`, { ...stranger, method: "POST" });
    expect(cancelled).toMatchObject({ status: 404, body: { code: "query_not_found" } });
  });

  test("knows no query by a wrong id", async () => {
    expect((await get(randomUUID())).status).toBe(404);
    expect((await get("7")).status).toBe(422);
  });
});

describe("GET /queries/{id}/result", () => {
  test("is on record with the tables that were read, for who looks for them", async () => {
    const { schema, table } = await scene.addTable();
    const id = await complete({ content: "ID\n", snapshots: [{ table: `${schema}.${table}`, version: "7" }] });
    const { headers } = await result(id, "", colleague);
    const record = await scene.recordOf(headers);
    expect(record.map(({ details }) => details)).toContainEqual({
      query_id: id,
      tables: [{ table: `${schema}.${table}`, version: "7" }],
    });
    const { entries } = (await scene.call(`admin/audit?table=${schema}.${table}&agent=${colleague.agent}`)).body;
    expect(entries.map(({ call_id }: { call_id: number }) => String(call_id))).toContain(record[0]?.call_id);
  });

  test("answers a small result itself", async () => {
    const id = await complete({ content: "ID,NAME\n1,é\n", rowCount: 1 });
    const reply = await result(id);
    expect(reply.status).toBe(200);
    expect(await reply.text()).toBe("ID,NAME\n1,é\n");
    expect(reply.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    expect(reply.headers.get("content-disposition")).toBe(`attachment; filename="${id}.csv"`);
    expect((await scene.recordOf(reply.headers)).at(-1)).toMatchObject({ rows: "1", bytes: "13" });
  });

  test("leads to a large one", async () => {
    const content = "x".repeat(2 ** 20 + 1);
    const reply = await result(await complete({ content }));
    expect(reply.status).toBe(302);
    const stored = await fetch(reply.headers.get("location") ?? "");
    expect(await stored.text()).toBe(content);
    expect(stored.headers.get("content-disposition")).toMatch(/^attachment; filename=".*\.csv"$/);
  });

  test("tells where it is when that is asked for", async () => {
    const id = await complete({ content: "ID\n" });
    const reply = await (await result(id, "?delivery=url")).json();
    expect(reply).toMatchObject({
      query_id: id,
      output_format: "csv",
      result_bytes: 3,
      row_count: 2,
      expires_at: expect.any(String),
    });
    expect(await (await fetch(reply.result_url)).text()).toBe("ID\n");
  });

  test("is not there before the query is over, nor after it failed or its object was deleted", async () => {
    const { body } = await submit();
    const early = await result(body.query_id);
    expect(early.headers.get("retry-after")).toBe("1");
    expect(await early.json()).toMatchObject({ code: "query_not_finished" });
    await scene.failQuery(await scene.claimQuery(), "sql_error", "no such column");
    const failed = await result(body.query_id);
    expect({ status: failed.status, body: await failed.json() }).toMatchObject({
      status: 409,
      body: { code: "query_failed", detail: "no such column" },
    });
    const id = await complete();
    await scene.bucket.file(`results/${id}-1.csv`).delete();
    expect(await (await result(id)).json()).toMatchObject({ code: "result_gone" });
  });
});

describe("POST /queries/{id}/cancel", () => {
  const cancel = (id: string) => scene.call(`queries/${id}/cancel`, { ...agent, method: "POST" });

  test("ends a query that waits, once and for all", async () => {
    const { body } = await submit();
    const id = body.query_id;
    for (let time = 0; time < 2; time++) {
      expect(await cancel(id)).toMatchObject({ status: 200, body: { query_id: id, job_id: id, status: "cancelled" } });
    }
    expect((await get(id)).body).toMatchObject({ status: "cancelled", result_url: null });
    expect(await (await result(id)).json()).toMatchObject({ code: "query_failed", detail: "The query was cancelled" });
  });

  test("ends the wait of whoever waits for it", async () => {
    const asked = submit({}, { prefer: "wait=60" });
    const { query_id } = await scene.claimQuery();
    await cancel(query_id);
    expect(await asked).toMatchObject({ status: 200, body: { status: "cancelled" } });
  });

  test("cannot end what is over", async () => {
    expect(await cancel(await complete())).toMatchObject({ status: 409, body: { code: "query_over" } });
  });
});
