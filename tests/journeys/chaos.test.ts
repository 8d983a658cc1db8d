import { expect, test } from "vitest";
import { planFaults } from "../chaos/plan-faults.ts";
import { Random } from "../chaos/random.ts";
import { runChaos } from "../chaos/run-chaos.ts";

const SEED = 20;
const SECONDS = 12;

test("nothing is lost or done twice while everything dies, as in `npm run chaos` but for a moment", {
  timeout: 180_000,
}, async () => {
  const random = new Random(SEED);
  const plan = planFaults(random.fork(), SECONDS, { meanPauseMs: 1000 });
  const report = await runChaos({ seconds: SECONDS, random, plan, agents: 12, jobsAtOnce: 6, chunks: [8, 40] });
  expect(report.violations).toEqual([]);
  expect(report.completed).toBeGreaterThan(50);
  expect(Object.fromEntries(report.counts)).toMatchObject({
    "Postgres crashes": expect.any(Number),
    "gateway restarts": expect.any(Number),
    "functions killed": expect.any(Number),
    "agents killed": expect.any(Number),
    "storms that drop replies": expect.any(Number),
  });
});
