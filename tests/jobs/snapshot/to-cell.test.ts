import { afterAll, beforeAll, expect, test } from "vitest";
import type { OpenDuckdb } from "../../../jobs/snapshot/open-duckdb.ts";
import { toCell } from "../../../jobs/snapshot/to-cell.ts";
import { toJson } from "../../../shared/cell.ts";
import { openScratch, type Scratch } from "./open-scratch.ts";

let scratch: Scratch;
let duckdb: OpenDuckdb;
beforeAll(async () => {
  scratch = await openScratch();
  duckdb = await scratch.open(null);
});
afterAll(() => scratch.close());

test.each([
  ["NULL", null],
  ["true", true],
  ["1::TINYINT", 1],
  ["9007199254740991", 9007199254740991],
  ["-9007199254740993", "-9007199254740993"],
  ["5::HUGEINT", 5],
  ["170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"],
  ["12.30::DECIMAL(10,2)", 12.3],
  ["-0.05::DECIMAL(38,2)", -0.05],
  ["999999999999999::DECIMAL(38,0)", 999999999999999],
  ["9999999999999.999::DECIMAL(38,3)", "9999999999999.999"],
  ["0.1::DOUBLE", 0.1],
  ["5e-324::DOUBLE", 5e-324],
  ["-0.0::DOUBLE", -0],
  ["'NaN'::DOUBLE", "NaN"],
  ["'-inf'::DOUBLE", "-Infinity"],
  ["'ü🙂'", "ü🙂"],
  ["''", ""],
  ["'{\"a\": 1}'::JSON", '{"a": 1}'],
  ["DATE '0001-01-01'", "0001-01-01"],
  ["DATE '9999-12-31'", "9999-12-31"],
  ["DATE '0044-03-15 (BC)'", "0044-03-15 (BC)"],
  ["'infinity'::DATE", "infinity"],
  ["'-infinity'::DATE", "-infinity"],
  ["TIME '12:34:56.789'", "12:34:56.789"],
  ["TIMESTAMP '1969-12-31 23:59:59.999999'", "1969-12-31T23:59:59.999999"],
  ["TIMESTAMP '2020-01-01 00:00:00'", "2020-01-01T00:00:00"],
  ["TIMESTAMP_NS '2020-01-01 00:00:00.000000001'", "2020-01-01T00:00:00.000000001"],
  ["TIMESTAMPTZ '2020-01-01 02:00:00+02'", "2020-01-01T00:00:00Z"],
  ["TIMESTAMP '0044-03-15 (BC) 01:02:03'", "0044-03-15 (BC)T01:02:03"],
  ["TIMESTAMPTZ '0044-03-15 (BC) 01:02:03Z'", "0044-03-15 (BC)T01:02:03Z"],
  ["'infinity'::TIMESTAMP", "infinity"],
  ["'-infinity'::TIMESTAMPTZ", "-infinity"],
  ["'infinity'::TIMESTAMP_S", "infinity"],
  ["'-infinity'::TIMESTAMP_MS", "-infinity"],
  ["'infinity'::TIMESTAMP_NS", "infinity"],
  ["unhex('00FF')", "AP8="],
  ["'4ac7a9e9-607c-4c8a-84f3-843f0191e3fd'::UUID", "4ac7a9e9-607c-4c8a-84f3-843f0191e3fd"],
  ["INTERVAL 3 DAY", "3 days"],
])("%s becomes %j", async (sql, cell) => {
  const [[value = null] = []] = (await duckdb.connection.runAndReadAll(`SELECT ${sql}`)).getRows();
  expect(toCell(value)).toBe(cell);
  expect(JSON.parse(toJson(toCell(value)))).toBe(cell);
});
