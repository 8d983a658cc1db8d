import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { numbered, startDataScene } from "./start-data-scene.ts";

let scene: Awaited<ReturnType<typeof startDataScene>>;
let agent: Awaited<ReturnType<typeof scene.createAgent>>;
let flights: Awaited<ReturnType<typeof scene.addTable>>;
beforeAll(async () => {
  scene = await startDataScene();
  agent = await scene.createAgent();
  flights = await scene.addTable({
    table: "FLIGHTS",
    first: numbered(1000),
    random: numbered(3_000_000).filter(([id]) => Number(id) % 300 === 7),
    totalRows: 3_000_000,
  });
  await scene.grant(flights, agent.swarm);
});
afterAll(() => scene.close());

const sample = (wish: object, token = agent.token) =>
  scene.post("data/sample", { table_name: "FLIGHTS", ...wish }, { token });
const sampleText = async (wish: object) => {
  const reply = await scene.fetch("data/sample", { token: agent.token, body: { table_name: "FLIGHTS", ...wish } });
  return { status: reply.status, headers: reply.headers, text: await reply.text() };
};

describe("POST /data/sample", () => {
  test("answers the first rows as an array of objects", async () => {
    const { status, body, headers } = await sample({ schema_name: "PUBLIC", sample_type: "first", sample_size: 2 });
    expect({ status, body }).toEqual({
      status: 200,
      body: [
        { ID: 0, NAME: "name 0" },
        { ID: 1, NAME: "name 1" },
      ],
    });
    expect(headers.get("content-type")).toBe("application/json");
    expect(headers.get("x-snapshot-version")).toBe(flights.version);
  });

  test("draws other rows each time, and the same of the same version by the same seed", async () => {
    const draws = await Promise.all([1, 2].map(() => sample({ sample_size: 50 })));
    expect(draws[0]?.body).not.toEqual(draws[1]?.body);
    const again = await sample({ sample_size: 50, seed: Number(draws[0]?.headers.get("x-sample-seed")) });
    expect(again.body).toEqual(draws[0]?.body);
    expect(new Set(again.body.map(({ ID }: { ID: number }) => ID)).size).toBe(50);
  });

  test("takes a fraction for so much of the table", async () => {
    expect((await sample({ sample_size: 0.002, seed: 1 })).body).toHaveLength(6000);
    expect((await sample({ sample_type: "first", sample_size: 0.0001 })).body).toHaveLength(300);
    expect((await sample({ sample_size: 1e-9 })).body).toHaveLength(1);
  });

  test("answers 1,000 random rows in JSON to whoever says no more than the table's name", async () => {
    expect((await sample({})).body).toHaveLength(1000);
    const nulls = { schema_name: null, sample_type: null, sample_size: null, output_format: null, seed: null };
    expect((await sample(nulls)).body).toHaveLength(1000);
  });

  test("answers CSV with a line of names, in any case", async () => {
    for (const output_format of ["csv", "CSV"]) {
      const { text, headers } = await sampleText({ sample_type: "FIRST", sample_size: 2, output_format });
      expect(text).toBe("ID,NAME\n0,name 0\n1,name 1\n");
      expect(headers.get("content-type")).toBe("text/csv; charset=utf-8");
    }
  });

  test("answers all rows of a table that has fewer, and none of one that has none", async () => {
    const small = await scene.addTable({ first: numbered(3) });
    const empty = await scene.addTable({ first: [] });
    await scene.grant(small, agent.swarm);
    await scene.grant(empty, agent.swarm);
    for (const sample_type of ["first", "random"]) {
      const { body } = await sample({ table_name: small.table, sample_type, sample_size: 500 });
      expect(body.map(({ ID }: { ID: number }) => ID).sort()).toEqual([0, 1, 2]);
      expect((await sample({ table_name: empty.table, sample_type, sample_size: 0.5 })).body).toEqual([]);
    }
    const csv = await sampleText({ table_name: empty.table, output_format: "csv" });
    expect(csv.text).toBe("ID,NAME\n");
  });

  test("finds a table whatever the case of its name, and none that is not granted", async () => {
    expect((await sample({ table_name: "flights", schema_name: "public" })).status).toBe(200);
    const secret = await scene.addTable();
    expect(await sample({ table_name: secret.table })).toMatchObject({
      status: 404,
      body: { code: "table_not_found" },
    });
    const stranger = await scene.createAgent();
    expect((await sample({}, stranger.token)).status).toBe(404);
  });

  test("keeps hidden columns back and shows of masked ones whether there is a value", async () => {
    const people = await scene.addTable({
      columns: ["ID", "Name", "salary"].map((name) => ({ name, type: "VARCHAR" })),
      first: [
        [1, "Ann", 100],
        [2, null, 200],
      ],
    });
    await scene.grant(people, agent.swarm, { hidden: ["SALARY"], masked: ["NAME"] });
    const wish = { table_name: people.table, sample_type: "first", sample_size: 2 };
    expect((await sample(wish)).body).toEqual([
      { ID: 1, Name: "***" },
      { ID: 2, Name: null },
    ]);
    expect((await sampleText({ ...wish, output_format: "csv" })).text).toBe("ID,Name\n1,***\n2,\n");
    const asAdmin = await scene.post("data/sample", wish);
    expect(asAdmin.body[0]).toEqual({ ID: 1, Name: "Ann", salary: 100 });
  });

  test("reads a version's file from the bucket once", async () => {
    const table = await scene.addTable();
    await scene.grant(table, agent.swarm);
    const wish = { table_name: table.table, sample_type: "first" };
    const { body } = await sample(wish);
    await scene.bucket.file(`snapshots/${table.folder}/sample.json`).delete();
    expect(await sample(wish)).toMatchObject({ status: 200, body });
  });

  test("puts the table, its version, the rows and the bytes on record", async () => {
    const { headers, text } = await sampleText({ sample_size: 5 });
    const [received, detail, finished] = await scene.recordOf(headers);
    expect(received).toMatchObject({ path: "/api/v1/data/sample", swarm: agent.swarm, agent: agent.agent });
    expect(detail?.details).toEqual({ tables: [{ table: "PUBLIC.FLIGHTS", version: flights.version }] });
    expect(finished).toMatchObject({ status: 200, rows: "5", bytes: String(Buffer.byteLength(text)) });
  });

  test.for([
    { sample_size: 0 },
    { sample_size: -1 },
    { sample_size: 1.5 },
    { sample_size: "all" },
    { sample_type: "last" },
    { output_format: "xml" },
    { seed: -1 },
    { seed: 1.5 },
    { table_name: "" },
    { table_name: "a\0" },
    { colour: "red" },
  ])("refuses %o", async (wish) => {
    expect(await sample(wish)).toMatchObject({ status: 422, body: { code: "invalid_request" } });
  });
});

describe("a sample beyond what the sync has drawn", () => {
  test("is a query's result, sent inline when it is small", async () => {
    const asked = sampleText({ sample_size: 20_000, seed: 7, output_format: "csv" });
    const query = await scene.claimQuery();
    expect(query).toMatchObject({
      sql: 'select * from "PUBLIC"."FLIGHTS" using sample reservoir(20000 rows) repeatable (7)',
      output_format: "csv",
    });
    const snapshots = [{ table: "PUBLIC.FLIGHTS", version: "000000002-later" }];
    await scene.completeQuery(query, { content: "ID,NAME\n5,five\n", rowCount: 20_000, snapshots });
    const { status, headers, text } = await asked;
    expect(headers.get("x-snapshot-version")).toBe("000000002-later");
    expect(headers.get("x-sample-seed")).toBe("7");
    expect({ status, text }).toEqual({ status: 200, text: "ID,NAME\n5,five\n" });
    expect(headers.get("content-type")).toBe("text/csv; charset=utf-8");
  });

  test("is a redirect to the bucket when it is large", async () => {
    const asked = sampleText({ sample_type: "first", sample_size: 0.5 });
    const query = await scene.claimQuery();
    expect(query.sql).toBe('select * from "PUBLIC"."FLIGHTS" limit 1500000');
    const content = JSON.stringify([{ ID: 1, NAME: "x".repeat(2 ** 20) }]);
    const snapshots = [{ table: "PUBLIC.FLIGHTS", version: flights.version }];
    await scene.completeQuery(query, { content, rowCount: 1_500_000, snapshots });
    const { status, headers } = await asked;
    expect(status).toBe(303);
    expect(headers.get("x-snapshot-version")).toBe(flights.version);
    const stored = await fetch(headers.get("location") ?? "");
    expect(await stored.text()).toBe(content);
  });

  test("or of more bytes than an edge function should hold is a query", async () => {
    const wide = await scene.addTable({ first: Array.from({ length: 5 }, (_, id) => [id, "x".repeat(2 ** 20)]) });
    await scene.grant(wide, agent.swarm);
    expect((await sample({ table_name: wide.table, sample_size: 3 })).body).toHaveLength(3);
    const asked = sample({ table_name: wide.table, sample_size: 4 });
    const query = await scene.claimQuery();
    expect(query.sql).toContain("reservoir(4 rows)");
    await scene.completeQuery(query, { content: "[]" });
    expect(await asked).toMatchObject({ status: 200, body: [] });
  });

  test("of some megabytes is read by many at once, and by those after whoever hangs up", async () => {
    const wide = await scene.addTable({ first: Array.from({ length: 3 }, (_, id) => [id, "é".repeat(2 ** 20)]) });
    await scene.grant(wide, agent.swarm);
    const wish = { table_name: wide.table, sample_type: "first", sample_size: 3 };
    for (let count = 0; count < 8; count++) {
      const reply = await scene.fetch("data/sample", { token: agent.token, body: wish });
      await reply.body?.cancel();
    }
    const texts = await Promise.all(Array.from({ length: 10 }, () => sampleText(wish)));
    const expected = JSON.stringify([0, 1, 2].map((ID) => ({ ID, NAME: "é".repeat(2 ** 20) })));
    for (const { status, text } of texts)
      expect({ status, isWhole: text === expected }).toEqual({ status: 200, isWhole: true });
    const [first] = texts;
    const record = await scene.recordOf(first?.headers ?? new Headers());
    expect(record.at(-1)).toMatchObject({ rows: "3", bytes: String(Buffer.byteLength(expected)) });
  });

  test("in Parquet is a query even where the rows are there", async () => {
    const asked = scene.fetch("data/sample", {
      token: agent.token,
      body: { table_name: "FLIGHTS", sample_size: 3, output_format: "parquet", seed: 1 },
    });
    const query = await scene.claimQuery();
    expect(query).toMatchObject({ output_format: "parquet", sql: expect.stringContaining("reservoir(3 rows)") });
    const content = Buffer.from([0x50, 0x41, 0x52, 0x31, 0, 255]);
    await scene.completeQuery(query, { content });
    const reply = await asked;
    expect(reply.headers.get("content-type")).toBe("application/vnd.apache.parquet");
    expect(Buffer.from(await reply.arrayBuffer())).toEqual(content);
  });

  test("is answered 202 with the query when the time is up", async () => {
    const reply = await scene.post(
      "data/sample",
      { table_name: "FLIGHTS", sample_size: 20_000 },
      { token: agent.token, headers: { prefer: "wait=0" } },
    );
    const query = await scene.claimQuery();
    expect(reply).toMatchObject({ status: 202, body: { query_id: query.query_id, result_url: null } });
    expect(["pending", "running"]).toContain(reply.body.status);
    expect(reply.headers.get("preference-applied")).toBe("wait=0");
    await scene.completeQuery(query, { content: "[]" });
  });

  test("fails as its query does", async () => {
    const asked = sample({ sample_size: 20_000 });
    await scene.failQuery(await scene.claimQuery(), "query_timeout", "The query took longer than 60 seconds");
    expect(await asked).toMatchObject({
      status: 422,
      body: { code: "query_timeout", detail: "The query took longer than 60 seconds" },
    });
  });
});
