import { startCloud } from "./cloud.ts";
import { HELP, parseStartOptions, type StartOptions } from "./cloud-options.ts";
import { describeCloud } from "./describe-cloud.ts";
import { createLogs } from "./log.ts";

const options = readOptions();
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const output = options.json ? process.stderr : process.stdout;
const logs = createLogs(output);
const interrupted = new Promise<void>((resolve) => {
  process.once("SIGINT", resolve);
  process.once("SIGTERM", resolve);
});

try {
  const cloud = await startCloud(options, logs);
  if (options.json) process.stdout.write(`${JSON.stringify(cloud.info)}\n`);
  else output.write(describeCloud(cloud.info));
  await interrupted;
  output.write("\nStopping …\n");
  await cloud.close();
} catch (error) {
  process.stderr.write(`corral: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
// A part that failed to start may have left a handle open; what the cloud owns is closed by now.
process.exit();

function readOptions(): StartOptions {
  try {
    return parseStartOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`corral: ${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exit(2);
  }
}
