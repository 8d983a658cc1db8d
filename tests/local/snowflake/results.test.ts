import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Queries } from "../../../local/snowflake/queries.ts";
import { ResultWriter, smallResult } from "../../../local/snowflake/result-writer.ts";
import { Session } from "../../../local/snowflake/sessions.ts";
import { type Caller, callSnowflake } from "./call-snowflake.ts";
import { serveSnowflake } from "./serve-snowflake.ts";

let served: Awaited<ReturnType<typeof serveSnowflake>>;
let snowflake: Caller;
beforeAll(async () => {
  served = await serveSnowflake();
  snowflake = await callSnowflake(served.url);
});
afterAll(() => served.close());

const generated = (count: number, columns: string) => `SELECT ${columns} FROM TABLE(GENERATOR(ROWCOUNT => ${count}))`;
/** A text as a statement has it. */
const literal = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

const CONTROLS = Array.from({ length: 0x20 }, (_, code) => String.fromCodePoint(code));
const TEXTS = [
  "",
  ...[...CONTROLS, "\x7f", "\x80", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "\ufffd", "\uffff"].flatMap(
    (character) => [character, `a${character}b`],
  ),
  ...["'", '"', "\\", "\\n", '\\"', '",null]', "],[", ",", "#", "# no comment", "NULL", "null", "\r\n", "\u{1f600}"],
  ...["e\u0301", "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}", "\u{10ffff}", "Ж".repeat(1000), CONTROLS.join("")],
];

describe("a text arrives as it is", () => {
  test("whatever its characters are: as a literal, from a table, and in JSON", async () => {
    await snowflake.run("CREATE OR REPLACE TABLE texts (at INT, t VARCHAR)");
    await snowflake.run(`INSERT INTO texts VALUES ${TEXTS.map((text, at) => `(${at}, ${literal(text)})`).join(", ")}`);
    expect(await snowflake.cells("SELECT t FROM texts ORDER BY at")).toEqual(TEXTS.map((text) => [text]));
    expect(await snowflake.cells(`SELECT ${TEXTS.map((text, at) => `${literal(text)} AS c${at}`).join(", ")}`)).toEqual(
      [TEXTS],
    );
    const objects = await snowflake.cells("SELECT OBJECT_CONSTRUCT('t', t) FROM texts ORDER BY at");
    expect(objects.map(([cell]) => JSON.parse(cell ?? ""))).toEqual(TEXTS.map((t) => ({ t })));
  });

  test("when it is bound", async () => {
    const bindings = Object.fromEntries(TEXTS.map((value, at) => [String(at + 1), { type: "TEXT", value }]));
    expect(await snowflake.cells(`SELECT ${TEXTS.map(() => "?").join(", ")}`, { bindings })).toEqual([TEXTS]);
  });

  test("but for halves of characters, which no UTF-8 has", async () => {
    expect(await snowflake.cells("SELECT '\ud83d', 'a\ude00b'")).toEqual([["\ufffd", "a\ufffdb"]]);
  });

  test("with five megabytes of it in a row, and rows before and after", async () => {
    const sql = "SELECT column1, REPEAT('é\n', column2) FROM VALUES (1, 0), (2, 1700000), (3, 1), (4, 1700000), (5, 2)";
    const { cells, total } = await snowflake.whole(sql);
    expect(total).toBe(5);
    expect(cells.map(([id, text]) => [id, text?.length])).toEqual([
      ["1", 0],
      ["2", 3_400_000],
      ["3", 2],
      ["4", 3_400_000],
      ["5", 4],
    ]);
    expect(cells[3]?.[1] === "é\n".repeat(1_700_000)).toBe(true);
  });
});

describe("a result", () => {
  test("without rows has none", async () => {
    const sql = "SELECT 1 AS a, 'x' AS b WHERE false";
    expect(await snowflake.whole(sql)).toEqual({ cells: [], total: 0, counts: [0] });
    expect((await snowflake.run(sql)).rowtype.map(({ name }) => name)).toEqual(["A", "B"]);
  });

  test("of nothing but NULL has it in every type", async () => {
    const types = ["INT", "FLOAT", "VARCHAR", "BOOLEAN", "DATE", "TIME", "VARIANT", "OBJECT", "ARRAY", "BINARY"];
    const moments = ["TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"];
    const columns = [...types, ...moments].map((type) => `NULL::${type}`);
    const row = columns.map(() => null);
    const sql = `SELECT ${columns.join(", ")} FROM VALUES (1), (2)`;
    expect(await snowflake.cells(sql)).toEqual([row, row]);
    expect(await snowflake.cells("SELECT NULL")).toEqual([[null]]);
  });

  test.each([
    [999, [999]],
    [1000, [1000]],
    [1001, [1000, 1]],
  ])("of %i short rows comes in pieces of %j", async (count, counts) => {
    const { cells, ...rest } = await snowflake.whole(generated(count, "SEQ8()"));
    expect(rest).toEqual({ total: count, counts });
    expect(cells).toEqual(Array.from({ length: count }, (_, at) => [String(at)]));
  });

  test("of many rows is complete and in its order", async () => {
    const count = 300_000;
    const sql = `SELECT n, t FROM (${generated(count, "SEQ8() AS n, 'row ' || SEQ8() AS t")}) ORDER BY n % 1000 DESC, n`;
    const { cells, total, counts } = await snowflake.whole(sql);
    expect(total).toBe(count);
    expect(counts.reduce((sum, rows) => sum + rows)).toBe(count);
    expect(counts.length).toBeGreaterThan(5);
    const wrong = cells.findIndex(([n, t], at) => {
      const expected = 999 - Math.floor(at / 300) + 1000 * (at % 300);
      return n !== String(expected) || t !== `row ${expected}`;
    });
    expect(wrong).toBe(-1);
  });
});

describe("nothing is left behind by a query", () => {
  test("that was answered, but the pieces of its result", async () => {
    const { queryId } = await snowflake.run(generated(50_000, "SEQ8()"));
    await snowflake.run("SELECT 1");
    const left = await readdir(served.scratch);
    expect(left).toContain(queryId);
    expect(left.filter((name) => name.endsWith(".rows"))).toEqual([]);
  });

  test("that is no longer remembered", () => {
    const forgotten: string[] = [];
    const queries = new Queries(({ id }) => forgotten.push(id));
    const session = new Session("1", { login: "A" });
    const ids = Array.from({ length: 2002 }, () => {
      const query = queries.add(session, "SELECT 1", undefined, 0);
      query.succeed(smallResult([], []), 0, 0);
      return query.id;
    });
    expect(forgotten).toEqual(ids.slice(0, 2));
  });

  test("that fails at one of its last rows", async () => {
    const before = await readdir(served.scratch);
    const refusal = await snowflake.refusal(`SELECT 1 / (n - 299999) FROM (${generated(300_000, "SEQ8() AS n")})`);
    expect(refusal).toMatchObject({ errorCode: "100051", sqlState: "22012" });
    expect(await readdir(served.scratch)).toEqual(before);
  });

  test("that is cancelled while its rows are written", async () => {
    const before = await readdir(served.scratch);
    const refused = snowflake.refusal(generated(100_000_000, "SEQ8() AS breaks_off, REPEAT('x', 100)"));
    const id = await served.server.running(/breaks_off/);
    const written = `${id}.rows`;
    await expect.poll(() => readdir(served.scratch)).toContain(written);
    await snowflake.run(`SELECT SYSTEM$CANCEL_QUERY('${id}')`);
    expect(await refused).toMatchObject({ errorCode: "000604", sqlState: "57014" });
    expect(await readdir(served.scratch)).toEqual(before);
  });
});

test("a file of rows comes to the same pieces wherever it is cut in reading", async () => {
  const folder = await mkdtemp(join(tmpdir(), "corral-results-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const rows = Array.from({ length: 20_000 }, (_, at) => JSON.stringify([String(at), "é".repeat(at % 50), null]));
  const file = Buffer.from(rows.map((row) => `${row}\n`).join(""));
  const write = async (name: string, length: () => number) => {
    const writer = new ResultWriter(join(folder, name));
    for (let at = 0; at < file.length; ) {
      const end = Math.min(file.length, at + length());
      await writer.add(Buffer.from(file.subarray(at, end)));
      at = end;
    }
    const { columns: _, ...result } = await writer.finish([]);
    const bodies = result.chunks.map(async ({ name: chunk }) => gunzipSync(await readFile(join(folder, name, chunk))));
    return { ...result, texts: (await Promise.all(bodies)).map(String) };
  };
  const whole = await write("whole", () => file.length);
  expect(whole).toMatchObject({ total: rows.length, inlineRows: 1000 });
  expect([whole.inline, ...whole.texts].join(",")).toBe(rows.join(","));
  expect(await write("cut", () => 1 + randomBytes(1).readUInt8())).toEqual(whole);
});
