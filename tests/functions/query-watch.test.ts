import { expect, test } from "vitest";
import { QueryWatch } from "../../functions/api/query-watch.ts";
import type { QueryRow, SubmittedQuery } from "../../shared/db/queries.ts";

const never = new AbortController().signal;
const PATIENT = { seconds: 30, signal: never };

const rowOf = (queryId: string): QueryRow => ({
  query_id: queryId,
  status: "completed",
  sql: "select 1",
  output_format: "json",
  created_at: "2026-01-01T00:00:00Z",
  started_at: null,
  finished_at: null,
  columns: null,
  preview: null,
  is_cut: null,
  row_count: null,
  result_object: null,
  result_bytes: null,
  receipt: null,
  error_code: null,
  error: null,
  stats: null,
  swarm_id: null,
});
const queryOf = (queryId: string): SubmittedQuery => ({ call: 1, queryId });

/** A watch over queries that are over when the test says so, and what each look of it asked for. */
function startWatch() {
  const over = new Set<string>();
  const looks: string[][] = [];
  const watch = new QueryWatch(async (queries) => {
    const asked = queries.map(({ queryId }) => queryId);
    looks.push(asked);
    return asked.filter((id) => over.has(id)).map(rowOf);
  });
  return { over, looks, watch };
}

test("queries are waited for until they are over, all by the same looks", async () => {
  const { over, looks, watch } = startWatch();
  const waits = ["a", "b", "c"].map((id) => watch.wait(queryOf(id), PATIENT));
  over.add("b");
  expect((await waits[1])?.query_id).toBe("b");
  expect(looks[0]).toEqual(["a", "b", "c"]);
  over.add("a").add("c");
  expect((await Promise.all(waits)).map((row) => row?.query_id)).toEqual(["a", "b", "c"]);
  expect(looks.at(-1)).toEqual(["a", "c"]);
});

test("a query that is not over in time is told to be none, after the time was up", async () => {
  const { watch } = startWatch();
  const startedAt = performance.now();
  expect(await watch.wait(queryOf("a"), { seconds: 0.3, signal: never })).toBeUndefined();
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299);
});

test("without a wait, and for who has hung up, nobody looks", async () => {
  const { looks, watch } = startWatch();
  expect(await watch.wait(queryOf("a"), { seconds: 0, signal: never })).toBeUndefined();
  expect(await watch.wait(queryOf("a"), { seconds: 30, signal: AbortSignal.abort() })).toBeUndefined();
  expect(looks).toEqual([]);
});

test("who hangs up waits no longer, and the others do", async () => {
  const { over, watch } = startWatch();
  const hangUp = new AbortController();
  const one = watch.wait(queryOf("a"), { seconds: 30, signal: hangUp.signal });
  const other = watch.wait(queryOf("b"), PATIENT);
  hangUp.abort();
  expect(await one).toBeUndefined();
  over.add("b");
  expect((await other)?.query_id).toBe("b");
});

test("looks are fewer the longer nothing happens, and as many as before once something does", async () => {
  const { over, looks, watch } = startWatch();
  const lasting = watch.wait(queryOf("lasting"), { seconds: 1, signal: never });
  expect(await lasting).toBeUndefined();
  expect(looks.length).toBeLessThan(60);
  const long = watch.wait(queryOf("long"), PATIENT);
  const short = watch.wait(queryOf("short"), PATIENT);
  over.add("short");
  await short;
  over.add("long");
  expect((await long)?.query_id).toBe("long");
});

test("when nobody can look, everybody who waits learns why, and the next who comes is looked for", async () => {
  let isAway = true;
  const watch = new QueryWatch(async (queries) => {
    if (isAway) throw new Error("the database is away");
    return queries.map(({ queryId }) => rowOf(queryId));
  });
  const waits = [watch.wait(queryOf("a"), PATIENT), watch.wait(queryOf("b"), PATIENT)];
  for (const wait of waits) await expect(wait).rejects.toThrow("the database is away");
  isAway = false;
  expect((await watch.wait(queryOf("c"), PATIENT))?.query_id).toBe("c");
});
