import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type QueryLane, startQueryLane } from "./start-query-lane.ts";

const FOREVER = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7";

/** DuckDB does not look up before it is through with a batch of rows, and these take hours. */
const UNINTERRUPTIBLE = "SELECT sum(levenshtein(repeat('a', 20000), repeat('b', 20000) || range)) FROM range(100000)";

let lane: QueryLane;
let runners: Awaited<ReturnType<QueryLane["launchRunners"]>> = [];
let submit: Awaited<ReturnType<QueryLane["addAgent"]>>;

beforeAll(async () => {
  lane = await startQueryLane();
  const people = await lane.addTable(
    "PUBLIC",
    "PEOPLE",
    "SELECT * FROM (VALUES (1, 'a@b.org', 100), (2, NULL, 200)) t (ID, EMAIL, SALARY)",
  );
  await lane.grant(people, "open");
  await lane.grant(people, "narrow", { hidden: ["SALARY"], masked: ["email"] });
  submit = await lane.addAgent("open");
});
afterAll(() => lane?.close());

// The next test's queries need runners of their own.
afterEach(async () => {
  for (const { job } of runners) job.child.kill("SIGTERM");
  await Promise.all(runners.map(({ job }) => job.exit));
  runners = [];
});

/** Starts the containers that wait to be started. */
async function launch(env: Record<string, string> = {}) {
  runners = await lane.launchRunners(env);
  const [runner] = runners;
  if (runner === undefined) throw new Error("no runner waits to be started");
  return runner;
}

/** The processes that a process has started. */
async function childrenOf(pid: number | undefined): Promise<string[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ");
}

/** How long it has kept a processor busy; a tick is a hundredth of a second. */
async function cpuSecondsOf(pid: string): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Whether it runs: what has ended may be listed until its parent has taken note. */
async function isAlive(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tX");
  return !/^State:\s+[XZ]/m.test(status);
}

test("a runner answers what is asked while it is there, and leaves when nothing comes", async () => {
  const first = await submit({ sql: "SELECT sum(salary) FROM people" });
  const runner = await launch({ QUERY_IDLE_SECONDS: "1" });
  expect(await lane.endOf(first)).toMatchObject({ state: "completed", preview: [[300]], row_count: "1" });
  const second = await submit({ sql: "SELECT count(*) FROM PUBLIC.PEOPLE", output_format: "csv" });
  expect(await lane.endOf(second)).toMatchObject({ state: "completed", preview: [[2]], run_id: runner.run });
  expect(await runner.job.exit).toEqual({ code: 0, signal: null });
  expect(await lane.readRun(runner.run)).toMatchObject({ state: "succeeded" });
  expect((await lane.listObjects()).filter((name) => name.startsWith("results/")).toSorted()).toEqual(
    [`results/${first}-1.json`, `results/${second}-1.csv`].toSorted(),
  );
});

test("a grant that hides and masks reads a file that never held what it conceals", async () => {
  const narrow = await lane.addAgent("narrow");
  const [all, salary, wide] = [
    await narrow({ sql: "FROM people ORDER BY id" }),
    await narrow({ sql: "SELECT salary FROM people" }),
    await submit({ sql: "FROM people ORDER BY id" }),
  ];
  await launch();
  expect(await lane.endOf(all)).toMatchObject({
    preview: [
      [1, "***"],
      [2, null],
    ],
  });
  expect(await lane.endOf(salary)).toMatchObject({
    error_code: "sql_error",
    error: expect.stringContaining("ID, EMAIL."),
  });
  expect((await lane.endOf(wide)).preview).toEqual([
    [1, "a@b.org", 100],
    [2, null, 200],
  ]);
});

test("a grant that hides everything does not tell what it hides", async () => {
  const secret = await lane.addTable("PUBLIC", "BLANK", "SELECT 1 AS CLEARANCE");
  await lane.grant(secret, "none");
  // As when a later snapshot has lost all the columns that could be seen.
  await lane.db.sql("update corral.grants set hidden_columns = '{CLEARANCE}' where table_id = $1", [secret]);
  const query = await (await lane.addAgent("none"))({ sql: "SELECT count(*) FROM blank" });
  await launch();
  const { error_code: code, error } = await lane.endOf(query);
  expect([code, error]).toEqual(["invalid_columns", "The table has no such columns"]);
  await runners[0]?.job.untilLine(/All columns are hidden: CLEARANCE/);
});

test("a query that is cancelled stops, and the runner goes on", async () => {
  const doomed = await submit({ sql: FOREVER });
  await launch();
  await lane.runningOf(doomed);
  await lane.db.sql("update corral.queries set state = 'cancelled', finished_at = corral.now() where id = $1", [
    doomed,
  ]);
  const next = await submit({ sql: "SELECT 1" });
  expect(await lane.endOf(next)).toMatchObject({ state: "completed" });
  const cancelled = async () => (await lane.readRun(runners[0]?.run ?? "")).progress?.cancelled;
  await expect.poll(cancelled).toBe(1);
});

test("a zero character, which Postgres cannot store, is in the result and a sign of it in the preview", async () => {
  const found = await submit({ sql: "SELECT 'a' || chr(0) AS t" });
  const lost = await submit({ sql: "SELECT error('b' || chr(0))" });
  await launch();
  const { preview, result_object: object } = await lane.endOf(found);
  expect(preview).toEqual([["a\ufffd"]]);
  const [content] = await lane.bucket.file(object ?? "").download();
  expect(JSON.parse(content.toString())).toEqual([{ t: "a\0" }]);
  expect(await lane.endOf(lost)).toMatchObject({
    error_code: "sql_error",
    error: expect.stringMatching(/^Invalid Input Error: b/),
  });
});

test("a runner that listens goes on when Postgres hangs up", async () => {
  const first = await submit({ sql: "SELECT 1" });
  await launch({ DATABASE_URL: lane.db.url });
  await lane.endOf(first);
  const hangUp =
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'corral-query' and datname = current_database()";
  await expect.poll(() => lane.db.sql(hangUp)).toHaveLength(1);
  expect(await lane.endOf(await submit({ sql: "SELECT 2" }))).toMatchObject({ state: "completed" });
});

test("a runner that is told to stop gives its queries back, and another goes on from there", async () => {
  const long = await submit({ sql: FOREVER, limits: { seconds: 3 } });
  const first = await launch();
  await lane.runningOf(long);
  first.job.child.kill("SIGTERM");
  expect(await first.job.exit).toEqual({ code: 143, signal: null });
  expect(await lane.readQuery(long)).toMatchObject({ state: "pending", attempt: 0, run_id: null });
  expect(await lane.readRun(first.run)).toMatchObject({ state: "queued" });
  await launch();
  expect(await lane.endOf(long)).toMatchObject({ state: "failed", error_code: "query_timeout", attempt: 1 });
});

test("a runner that is told to stop while nothing waits leaves at once", async () => {
  const query = await submit({ sql: "SELECT 1" });
  const runner = await launch();
  await lane.endOf(query);
  runner.job.child.kill("SIGTERM");
  expect(await runner.job.exit).toEqual({ code: 0, signal: null });
  expect(await lane.readRun(runner.run)).toMatchObject({ state: "succeeded" });
});

test("a runner that may take more than its container has says so, and runs", async () => {
  const query = await submit({ sql: "SELECT 1" });
  const runner = await launch({ QUERY_CACHE_BYTES: String(2 ** 50) });
  await runner.job.untilLine(/^warning: queries may take 1048\d+\.\d GB of the container's/);
  expect(await lane.endOf(query)).toMatchObject({ state: "completed" });
});

test("of a runner that is gone no process and no file is left", async () => {
  const query = await submit({ sql: "FROM people" });
  const dir = join(tmpdir(), `corral-left-${query}`);
  const runner = await launch({ QUERY_CACHE_DIR: dir });
  await lane.endOf(query);
  expect((await readdir(dir)).length).toBe(1);
  runner.job.child.kill("SIGTERM");
  await runner.job.exit;
  expect(await readdir(dir)).toEqual([]);
});

test.runIf(process.platform === "linux")("the children of a runner that was killed end by themselves", async () => {
  const long = await submit({ sql: UNINTERRUPTIBLE, limits: { seconds: 60 } });
  const runner = await launch();
  await lane.runningOf(long);
  const children = await childrenOf(runner.job.child.pid);
  const busiest = async () => Math.max(...(await Promise.all(children.map(cpuSecondsOf))));
  await expect.poll(busiest).toBeGreaterThan(1);
  runner.job.child.kill("SIGKILL");
  await expect.poll(async () => (await Promise.all(children.map(isAlive))).includes(true)).toBe(false);
  await lane.db.sql("update corral.queries set state = 'cancelled', finished_at = corral.now() where id = $1", [long]);
  await lane.db.sql("select public.leave_queue($1, 1)", [runner.run]);
});

test("a snapshot that is gone is no fault of the query's", async () => {
  const lost = await lane.addTable("PUBLIC", "LOST", "SELECT 1 AS x");
  await lane.grant(lost, "open");
  const [file] = await lane.bucket.getFiles({ prefix: "snapshots/PUBLIC/LOST/" }).then(([files]) => files);
  await file?.delete();
  const query = await submit({ sql: "FROM lost" });
  await launch();
  const { state, error_code: code, error } = await lane.endOf(query);
  expect([state, code, error]).toEqual(["failed", "snapshot_unreadable", "The last snapshot cannot be read"]);
  await runners[0]?.job.untilLine(/gs:\/\/.*\/PUBLIC\/LOST\/.* is not there/);
});
