import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const standIns = [
  "tests/{local,contracts}/{storage,kaggle,cloud-run,snowflake}/**/*.test.ts",
  "tests/{agent,shared,mutate}/**/*.test.ts",
];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes when the machine has time.
    expect: { poll: { timeout: 30_000 } },
    // Much of a run is waiting: for sweeps, leases, children that are killed.
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      { extends: true, test: { name: "stand-ins", include: standIns } },
      {
        extends: true,
        test: {
          name: "postgres",
          include: ["tests/**/*.test.ts"],
          exclude: standIns,
          globalSetup: "tests/setup/template-database.ts",
        },
      },
    ],
  },
});
