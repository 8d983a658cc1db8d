import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Cell, connectSnowflake, type SnowflakeSession } from "../../../jobs/snowflake/connect-snowflake.ts";
import { LOGIN, serveSnowflake } from "../../local/snowflake/serve-snowflake.ts";

/** Several of Snowflake's chunks. */
const ROWS = 100_000;
const SQL = `SELECT ORIGIN, TO_VARCHAR(DISTANCE) AS DISTANCE FROM CORRAL.PUBLIC.FLIGHTS LIMIT ${ROWS}`;

let snowflake: Awaited<ReturnType<typeof serveSnowflake>>;
let session: SnowflakeSession;
let stopping: AbortController;

async function connect() {
  stopping = new AbortController();
  return connectSnowflake({
    env: { SNOWFLAKE_ACCOUNT: "acct", SNOWFLAKE_URL: snowflake.url, SNOWFLAKE_DATABASE: "CORRAL" },
    credentials: { kind: "password", user: LOGIN.login, password: LOGIN.password },
    tag: "rows",
    statementSeconds: 600,
    signal: stopping.signal,
  });
}

beforeAll(async () => {
  snowflake = await serveSnowflake();
});
beforeEach(async () => {
  session = await connect();
  return () => {
    snowflake.server.faults.clear();
    return session.close();
  };
});
afterAll(() => snowflake.close());

it("hands out all rows in their order, the next one once the last is taken", async () => {
  const seen: Cell[][] = [];
  let isTaking = false;
  let early = 0;
  await session.each(SQL, "read", (row) => {
    if (isTaking) early++;
    seen.push(row);
    if (seen.length % 777 !== 0) return undefined;
    isTaking = true;
    return setImmediate().then(() => {
      isTaking = false;
    });
  });
  expect(early).toBe(0);
  expect(seen).toHaveLength(ROWS);
  expect(seen).toEqual(await session.cells(SQL, "read"));
});

it.each([
  ["later", () => Promise.reject(new Error("full"))],
  [
    "at once",
    () => {
      throw new Error("full");
    },
  ],
])("fails with what taking a row failed with, %s, and hands out no more", async (_, fail) => {
  let taken = 0;
  const reading = session.each(SQL, "read", () => (++taken === 5000 ? fail() : undefined));
  await expect(reading).rejects.toEqual(new Error("full"));
  expect(taken).toBe(5000);
});

it.each(["between two rows", "while a row is taken"])("ends with the signal's reason %s", async (moment) => {
  let taken = 0;
  const reading = session.each(SQL, "read", () => {
    if (++taken < 5000) return undefined;
    stopping.abort(new Error("enough"));
    return moment === "between two rows" ? undefined : new Promise(() => undefined);
  });
  await expect(reading).rejects.toEqual(new Error("enough"));
  expect(taken).toBe(5000);
});

it("says what Snowflake could not do when its rows end halfway", async () => {
  snowflake.server.faults.add({ on: "chunk", skip: 1, times: null, fault: { kind: "status", status: 404 } });
  let taken = 0;
  const reading = session.each(SQL, "read the rows", () => void taken++);
  await expect(reading).rejects.toThrow("Snowflake");
  expect(taken).toBeGreaterThan(1000);
  expect(taken).toBeLessThan(ROWS);
});
