import { startCloud } from "../cloud.ts";
import { FREE_PORTS } from "../cloud-options.ts";
import { makeTemporaryDataFolder } from "../data-folder.ts";
import { listenForInterruption } from "../interruption.ts";
import { runDatasetLane } from "./dataset-lane.ts";

const HELP = `Usage: npm run demo

Starts a fresh local cloud on free ports, brings two real datasets into its bucket, shows what came, and stops.
Exits 0 only if everything is as expected.
`;

if (process.argv.includes("--help")) {
  process.stdout.write(HELP);
  process.exit(0);
}

const interruption = listenForInterruption();
const folder = await makeTemporaryDataFolder();

try {
  process.stdout.write("Starting a local cloud: Postgres, functions, Cloud Storage, Cloud Run, Kaggle …\n");
  const cloud = await startCloud(
    {
      dataDir: folder.dataDir,
      fresh: true,
      ports: FREE_PORTS,
      openEnrollment: true,
      openAdmin: false,
      jobStartDelayMs: 0,
    },
    () => () => undefined,
  );
  try {
    await runDatasetLane(cloud, process.stdout, interruption);
  } finally {
    await cloud.close();
  }
  process.stdout.write("\nAll as expected.\n");
} catch (error) {
  const reason = interruption.aborted ? "interrupted" : error instanceof Error ? error.message : String(error);
  process.stderr.write(`\nThe demo failed: ${reason}\n`);
  process.exitCode = 1;
} finally {
  await folder.remove();
}
process.exit();
