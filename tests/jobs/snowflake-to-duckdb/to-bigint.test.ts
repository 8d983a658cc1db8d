import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toBigint } from "../../../jobs/snowflake-to-duckdb/to-bigint.ts";

const EDGES = [0n, 10n ** 18n, 2n * 10n ** 18n, 3n * 10n ** 18n, 2n ** 53n, 2n ** 63n - 2n];
const NEAR = EDGES.flatMap((edge) => [edge - 1n, edge, edge + 1n]);
const VALUES = [...NEAR, ...NEAR.map((value) => -value), -(2n ** 63n)];

let instance: DuckDBInstance;
beforeAll(async () => {
  instance = await DuckDBInstance.create(":memory:");
});
afterAll(() => instance.closeSync());

async function cast(values: bigint[], type: string): Promise<unknown[]> {
  const connection = await instance.connect();
  const rows = values.map((value) => `('${value}'::${type})`).join(", ");
  try {
    const reader = await connection.runAndReadAll(`SELECT ${toBigint('"C"')} FROM (VALUES ${rows}) AS t("C")`);
    return reader.getRows().map(([value]) => value);
  } finally {
    connection.closeSync();
  }
}

test.each(["DECIMAL(38,0)", "DECIMAL(19,0)", "HUGEINT", "BIGINT"])(
  "every integer of 64 bits comes out of %s as it is",
  async (type) => {
    expect(await cast(VALUES, type)).toEqual(VALUES);
  },
);

test.each([2n ** 63n, -(2n ** 63n) - 1n])("%s does not fit", async (value) => {
  await expect(cast([value], "DECIMAL(38,0)")).rejects.toThrow(/out of range|INT64/);
});
