import { defineConfig } from "vitest/config";
import { LENT_CLUSTER } from "./lend-cluster.ts";

/** How mutants are tested: on a cluster that is lent to the run, or with the setup of every other run. */
export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: process.env[LENT_CLUSTER] ? "tests/mutate/lend-cluster.ts" : "tests/setup/template-database.ts",
    testTimeout: 20_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    maxWorkers: 2,
  },
});
