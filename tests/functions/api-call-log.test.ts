import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createCallLog } from "../../functions/api/call-log.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { startApi } from "./start-api.ts";

let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
afterEach(() => vi.restoreAllMocks());

const END = { status: 200, error_code: null, rows: 1, bytes: 2, milliseconds: 3 };
/** No id of Postgres's is so large. */
const IMPOSSIBLE = 1e300;

/** A log, how often it has asked the database, which is away for its first so many requests, and when all is written. */
function openLog({ away = 0, pausesMs = [1, 1, 1] }: { away?: number; pausesMs?: number[] } = {}) {
  const pending: Promise<unknown>[] = [];
  let asked = 0;
  const db = connectDb({
    url: new URL(api.url).origin,
    key: api.keys.serviceRoleKey,
    fetch: (...request) => (++asked > away ? fetch(...request) : Promise.reject(new TypeError("fetch failed"))),
  });
  const log = createCallLog(db, (work) => void pending.push(work), { pausesMs });
  return { log, settled: () => Promise.all(pending), asked: () => asked };
}

async function recordedOf(calls: number[]): Promise<number[]> {
  const rows = await api.db.sql<{ call_id: string }>(
    "select call_id from corral.audit where event = 'finished' and call_id = any ($1::bigint[]) order by call_id",
    [calls],
  );
  return rows.map(({ call_id }) => Number(call_id));
}

test("an end that cannot be noted takes no other along", async () => {
  const complaints = vi.spyOn(console, "error").mockReturnValue();
  const { log, settled } = openLog();
  const calls = Array.from({ length: 20 }, (_, index) => 1_000_000 + index);
  for (const call of [...calls.slice(0, 7), IMPOSSIBLE, ...calls.slice(7)]) log({ call, ...END });
  await settled();
  expect(await recordedOf(calls)).toEqual(calls);
  expect(complaints.mock.calls.map(([text]) => text)).toEqual([`the end of call ${IMPOSSIBLE} was not recorded:`]);
});

test("a database that is away for a moment is waited for", async () => {
  const { log, settled, asked } = openLog({ away: 3 });
  log({ call: 2_000_000, ...END });
  await settled();
  expect(await recordedOf([2_000_000])).toEqual([2_000_000]);
  expect(asked()).toBe(4);
});

test("while a database stays away, its log is told which ends are missing, and the next are noted again", async () => {
  const complaints = vi.spyOn(console, "error").mockReturnValue();
  const { log, settled, asked } = openLog({ away: 2, pausesMs: [1] });
  log({ call: 3_000_000, ...END });
  await settled();
  expect(asked()).toBe(2);
  expect(complaints.mock.calls.map(([text]) => text)).toEqual(["the end of call 3000000 was not recorded:"]);
  log({ call: 3_000_001, ...END });
  await settled();
  expect(await recordedOf([3_000_000, 3_000_001])).toEqual([3_000_001]);
});
