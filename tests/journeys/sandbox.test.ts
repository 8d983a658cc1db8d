import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type QueryLane, startQueryLane } from "../jobs/query/start-query-lane.ts";
import { ON_DATA } from "./attacks/on-data.ts";
import { ON_LANGUAGE } from "./attacks/on-language.ts";
import { ON_RESOURCES } from "./attacks/on-resources.ts";
import { ON_SURROUNDINGS } from "./attacks/on-surroundings.ts";
import { type Attack, noTime } from "./attacks/outcome.ts";

const LIMITS = { memory_mb: 256, rows: 100_000, bytes: 10_000_000 };
/** What is to end by time is not to take more of it than need be. */
const SECONDS = { short: 2, long: 60 };
const PATIENCE_MS = 600_000;
const ATTACKS = { ...ON_SURROUNDINGS, ...ON_DATA, ...ON_LANGUAGE, ...ON_RESOURCES };

let lane: QueryLane;
let runners: Awaited<ReturnType<QueryLane["launchRunners"]>>;
let honest: Awaited<ReturnType<QueryLane["addAgent"]>>;
const submitted = new Map<Attack, string>();

// One runner for all: whoever breaks it breaks it for those who come after.
beforeAll(async () => {
  lane = await startQueryLane();
  const open = await lane.addTable("PUBLIC", "OPEN", "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) t (id, name)");
  const people = await lane.addTable(
    "PUBLIC",
    "PEOPLE",
    "SELECT * FROM (VALUES (1, 'ann@example.org', 100), (2, 'bob@example.org', 200)) t (ID, EMAIL, SALARY)",
  );
  const salaries = await lane.addTable("VAULT", "SALARIES", "SELECT 1 AS id, 100 AS amount");
  await lane.grant(open, "curious");
  await lane.grant(people, "curious", { hidden: ["SALARY"], masked: ["EMAIL"] });
  await lane.grant(people, "honest");
  await lane.grant(salaries, "honest");
  honest = await lane.addAgent("honest");
  const secret = await honest({ sql: "SELECT amount, salary FROM salaries NATURAL JOIN people" });
  runners = await lane.launchRunners();
  // What the curious are not to see is on the runner's disk by then.
  expect(await lane.endOf(secret)).toMatchObject({ preview: [[100, 100]] });
  const curious = await lane.addAgent("curious");
  for (const attack of Object.values(ATTACKS).flat()) {
    const [sql, outcome, parameters, format = "json"] = attack;
    const seconds = outcome === noTime ? SECONDS.short : SECONDS.long;
    submitted.set(attack, await curious({ sql, parameters, output_format: format, limits: { ...LIMITS, seconds } }));
  }
});

afterAll(async () => {
  for (const { job } of runners ?? []) job.child.kill("SIGTERM");
  await Promise.all((runners ?? []).map(({ job }) => job.exit));
  await lane?.close();
});

test("there are attempts enough", () => {
  expect(submitted.size).toBeGreaterThanOrEqual(150);
});

describe.each(Object.entries(ATTACKS))("an attempt %s", (_, attacks) => {
  test.each(attacks.map((attack) => [attack[0].slice(0, 100), attack] as const))(
    "comes to what is due: %s",
    async (_name, attack) => {
      const [, outcome] = attack;
      const query = await lane.endOf(submitted.get(attack) ?? "", PATIENCE_MS);
      if ("rows" in outcome) {
        expect(query).toMatchObject({ error: null, preview: outcome.rows });
      } else {
        expect(query).toMatchObject({ preview: null, error_code: outcome.code });
        expect(query.error).toMatch(outcome.message);
      }
      expect(query.error ?? "").not.toMatch(/corral-query|[0-9a-f]{64}/);
    },
    PATIENCE_MS,
  );
});

test("after all that the runner is the same, is there, and works for others", async () => {
  const query = await honest({ sql: "SELECT amount, salary FROM salaries NATURAL JOIN people" });
  expect(await lane.endOf(query)).toMatchObject({ preview: [[100, 100]], attempt: 1, run_id: runners[0]?.run });
  expect(await lane.readRun(runners[0]?.run ?? "")).toMatchObject({ state: "running", attempt: 1 });
  const objects = await lane.listObjects();
  expect(objects.filter((name) => !/^(results|snapshots)\//.test(name))).toEqual([]);
});

test("no attempt had to be begun twice", async () => {
  const attempts = await lane.db.sql("select distinct attempt from corral.queries");
  expect(attempts).toEqual([{ attempt: 1 }]);
});
