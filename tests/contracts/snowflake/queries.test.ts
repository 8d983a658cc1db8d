import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { LOGIN, serveSnowflake } from "../../local/snowflake/serve-snowflake.ts";
import { type Client, connectSnowflake, type Row } from "./connect-snowflake.ts";

let served: Awaited<ReturnType<typeof serveSnowflake>>;
let client: Client;
beforeAll(async () => {
  served = await serveSnowflake({ holdMs: 300 });
  const { login: username, password } = LOGIN;
  client = await connectSnowflake({
    account: "acct",
    accessUrl: served.url,
    username,
    password,
    database: "CORRAL",
    schema: "PUBLIC",
  });
});
afterAll(async () => {
  await client.destroy();
  await served.close();
});

const record = z.record(z.string(), z.unknown());
const numbers = (count: number) =>
  `SELECT SEQ8() AS n, 'row ' || SEQ8() AS t FROM TABLE(GENERATOR(ROWCOUNT => ${count}))`;

describe("results", () => {
  test("of every type arrive as the driver's own types", async () => {
    const [row] = await client.rows(
      `SELECT 12.30::NUMBER(5,2) num, 1.5::FLOAT f, 'text' t, true b, '1969-07-20'::DATE d, '2020-01-01 00:00:00.123456789'::TIMESTAMP_NTZ ntz,
        '01:02:03'::TIME tm, PARSE_JSON('{"a":[1]}') v, TO_BINARY('CAFE') bin, NULL nothing`,
    );
    expect(row).toMatchObject({ NUM: 12.3, F: 1.5, T: "text", B: true, V: { a: [1] }, TM: "01:02:03", NOTHING: null });
    expect(row?.D).toEqual(new Date("1969-07-20"));
    expect(row?.NTZ).toMatchObject({ getNanoSeconds: expect.any(Function) });
    expect(Buffer.isBuffer(row?.BIN) && Buffer.from(row.BIN).toString("hex")).toBe("cafe");
  });

  test("keep numbers of 38 digits when they are fetched as text", async () => {
    const nines = "9".repeat(38);
    expect(await client.rows(`SELECT ${nines}::NUMBER(38,0) n`, { fetchAsString: ["Number"] })).toEqual([{ N: nines }]);
  });

  test("that are long come in chunks, in order and complete", async () => {
    const rows = await client.rows(numbers(200_000));
    expect(rows).toHaveLength(200_000);
    expect(rows.every(({ N, T }, at) => N === at && T === `row ${at}`)).toBe(true);
  });

  test("that are long can be streamed, also when a chunk is refused at first", async () => {
    const armed = served.server.faults.add({ on: "chunk", fault: { kind: "status", status: 503 } });
    const statement = await client.statement(numbers(100_000), { streamResult: true });
    let sum = 0;
    for await (const row of statement.streamRows()) sum += Number(record.parse(row).N);
    expect(sum).toBe((100_000 * 99_999) / 2);
    expect(armed.hits).toBe(1);
  });

  test("that are empty have their columns", async () => {
    const statement = await client.statement("SELECT * FROM airports WHERE false");
    expect(statement.getColumns()?.map((column) => column.getName())).toEqual([
      "IATA",
      "NAME",
      "CITY",
      "STATE",
      "COUNTRY",
      "LATITUDE",
      "LONGITUDE",
    ]);
    expect(statement.getNumRows()).toBe(0);
  });
});

describe("a query that lasts", () => {
  test("is waited for over several requests", async () => {
    expect(await client.rows("SELECT SYSTEM$WAIT(1) w")).toEqual([{ W: "waited 1 seconds" }]);
  });

  test("can be cancelled while it runs", async () => {
    let cancel = () => {};
    const ended = new Promise((resolve, reject) => {
      const statement = client.connection.execute({
        sqlText: "SELECT SYSTEM$WAIT(600) AS cancel_me",
        complete: (error, _statement, rows) => (error ? reject(error) : resolve(rows)),
      });
      cancel = () => statement.cancel(() => {});
    });
    const refused = expect(ended).rejects.toMatchObject({ code: "000604" });
    await served.server.running(/cancel_me/);
    cancel();
    await refused;
  });

  test("that computes is broken off, too", async () => {
    const statement = await client.statement(
      "SELECT COUNT(*) FROM flights a JOIN flights b ON a.delay < b.delay AND a.distance <> b.distance",
      { asyncExec: true },
    );
    const queryId = statement.getQueryId();
    expect(await client.connection.getQueryStatus(queryId)).toBe("RUNNING");
    await client.rows(`SELECT SYSTEM$CANCEL_QUERY('${queryId}')`);
    await expect(client.connection.getResultsFromQueryId({ queryId, sqlText: "" })).rejects.toThrow();
    expect(await client.connection.getQueryStatus(queryId)).toBe("ABORTED");
  });

  test("too long for the session is ended, and told from one that somebody cancelled", async () => {
    const reached = (seconds: string) => ({
      ...{ code: "000630", sqlState: "57014" },
      message: `Statement reached its statement or warehouse timeout of ${seconds} second(s) and was canceled.`,
    });
    await client.rows("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1");
    await expect(client.rows("SELECT SYSTEM$WAIT(600)")).rejects.toMatchObject(reached("1"));
    const long = "SELECT COUNT(*) FROM flights a JOIN flights b ON a.delay < b.delay AND a.distance <> b.distance";
    await expect(client.rows(long)).rejects.toMatchObject(reached("1"));
    await client.rows("ALTER SESSION UNSET STATEMENT_TIMEOUT_IN_SECONDS");
    expect(await client.rows("SELECT SYSTEM$WAIT(1) w")).toEqual([{ W: "waited 1 seconds" }]);
  });

  test("can be left to itself and asked about later", async () => {
    const statement = await client.statement("SELECT SYSTEM$WAIT(0.2) w, 7 seven", { asyncExec: true });
    const queryId = statement.getQueryId();
    expect(await client.connection.getQueryStatus(queryId)).toBe("RUNNING");
    const finished = await client.connection.getResultsFromQueryId({ queryId, sqlText: "" });
    const rows: Row[] = [];
    for await (const row of finished.streamRows()) rows.push(record.parse(row));
    expect(rows).toEqual([{ W: "waited 0.2 seconds", SEVEN: 7 }]);
    expect(await client.connection.getQueryStatus(queryId)).toBe("SUCCESS");
  });
});

describe("statements", () => {
  test("take values by place and by number, and rows of values", async () => {
    const [row] = await client.rows("SELECT ? a, :2 b, ? c", { binds: [1, "it's", null] });
    expect(row).toEqual({ A: 1, B: "it's", C: "it's" });
    await client.rows("CREATE OR REPLACE TABLE bound (id INT, t VARCHAR, f FLOAT)");
    const rows: [number, string | null, number][] = Array.from({ length: 500 }, (_, at) => [
      at,
      at % 2 ? null : `t${at}`,
      at / 2,
    ]);
    await client.rows("INSERT INTO bound (id, t, f) VALUES (?, ?, ?)", { binds: rows });
    expect(await client.rows("SELECT COUNT(*) n, COUNT(t) t, SUM(f) f FROM bound")).toEqual([
      { N: 500, T: 250, F: 62375 },
    ]);
  });

  test("of one request run one after the other, each with its result", async () => {
    const results: Row[][] = [];
    await new Promise<void>((resolve, reject) => {
      client.connection.execute({
        sqlText: "CREATE OR REPLACE TABLE many (id INT); INSERT INTO many VALUES (1), (2); SELECT COUNT(*) n FROM many",
        parameters: { MULTI_STATEMENT_COUNT: 3 },
        complete: (error, statement, rows) => {
          if (error) return reject(error);
          results.push(rows ?? []);
          if (!("hasNext" in statement) || !statement.hasNext()) return resolve();
          statement.NextResult();
        },
      });
    });
    expect(results.map(([row]) => row)).toEqual([
      { status: "Table MANY successfully created." },
      { "number of rows inserted": 2 },
      { N: 2 },
    ]);
    await expect(client.rows("SELECT 1; SELECT 2")).rejects.toMatchObject({ code: "000008" });
  });

  test("that are wrong are refused with code, SQLSTATE, query id and place", async () => {
    const refusal = await client.rows("SELECT\n  nothing FROM airports").catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: "000904",
      sqlState: "42000",
      data: { line: 2, pos: 2, queryId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    await expect(client.rows("SELEKT 1")).rejects.toMatchObject({ code: "001003", sqlState: "42000" });
    await expect(client.rows("SELECT * FROM nowhere")).rejects.toMatchObject({ code: "002003", sqlState: "42S02" });
    await expect(client.rows("SELECT 1 / 0")).rejects.toMatchObject({ code: "100051", sqlState: "22012" });
  });
});
