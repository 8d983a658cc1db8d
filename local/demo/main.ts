import { listenForInterruption } from "../interruption.ts";
import { startThrowAwayCloud } from "../start-throw-away-cloud.ts";
import { runComputeLane } from "./compute-lane.ts";
import { runDataLane } from "./data-lane.ts";
import { runDatasetLane } from "./dataset-lane.ts";

const HELP = `Usage: npm run demo

Starts a fresh local cloud on free ports, brings two real datasets into its bucket, has four agents train on one of
them, syncs tables of a local Snowflake for two more agents that sample, profile and query them, shows what came of it
all, and stops.
Exits 0 only if everything is as expected.
`;

if (process.argv.includes("--help")) {
  process.stdout.write(HELP);
  process.exit(0);
}

const interruption = listenForInterruption();

try {
  process.stdout.write("Starting a local cloud: Postgres, functions, Cloud Storage, Cloud Run, Kaggle, Snowflake …\n");
  const cloud = await startThrowAwayCloud(() => () => undefined);
  try {
    const [project] = await runDatasetLane(cloud, process.stdout, interruption);
    if (project === undefined) throw new Error("no project has a dataset");
    await runComputeLane(cloud, project, process.stdout, interruption);
    await runDataLane(cloud, process.stdout, interruption);
  } finally {
    await cloud.close();
  }
  process.stdout.write("\nAll as expected.\n");
} catch (error) {
  const reason = interruption.aborted ? "interrupted" : error instanceof Error ? error.message : String(error);
  process.stderr.write(`\nThe demo failed: ${reason}\n`);
  process.exitCode = 1;
}
process.exit();
