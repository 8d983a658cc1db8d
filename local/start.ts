import { once } from "node:events";
import { startCloud } from "./cloud.ts";
import { HELP, parseStartOptions, type StartOptions } from "./cloud-options.ts";
import { describeCloud } from "./describe-cloud.ts";
import { listenForInterruption } from "./interruption.ts";
import { createLogs } from "./log.ts";

const options = readOptions();
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const output = options.json ? process.stderr : process.stdout;
const logs = createLogs(output);
const interruption = listenForInterruption();

try {
  const cloud = await startCloud(options, logs);
  if (!interruption.aborted) {
    if (options.json) process.stdout.write(`${JSON.stringify(cloud.info)}\n`);
    else output.write(describeCloud(cloud.info));
    await once(interruption, "abort");
  }
  output.write("\nStopping …\n");
  await cloud.close();
} catch (error) {
  // What Ctrl-C interrupts while it starts fails in many ways, none of them news.
  if (!interruption.aborted) process.stderr.write(`corral: ${describeError(error)}\n`);
  process.exitCode = 1;
}
// A part that failed to start may have left a handle open; what the cloud owns is closed by now.
process.exit();

function readOptions(): StartOptions {
  try {
    return parseStartOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`corral: ${describeError(error)}\n\n${HELP}`);
    process.exit(2);
  }
}

/** Node reports a host with several addresses as an AggregateError without a message of its own. */
function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(describeError).join("; ");
  return error instanceof Error ? error.message : String(error);
}
