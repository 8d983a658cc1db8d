import { join, resolve } from "node:path";
import { Agent } from "./agent.ts";
import { ApiClient } from "./api-client.ts";
import { detectHardware } from "./hardware.ts";
import { IdentityFile } from "./identity-file.ts";
import { listenForInterruption } from "./interruption.ts";
import { createLog, describeError } from "./log.ts";
import { type AgentOptions, HELP, parseAgentOptions, shareOfMemory } from "./options.ts";
import { Session } from "./session.ts";
import { TaskDesk } from "./task-desk.ts";
import { VenvCache } from "./venv-cache.ts";

/** How long the calls that give tasks back may take before the agent leaves without an answer. */
const GRACE_MS = 10_000;

const options = readOptions();
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const log = createLog(process.stdout, options.json);
const interruption = listenForInterruption();
try {
  const undone = await startAgent(options);
  process.exitCode = interruption.signal.aborted ? interruption.exitCode : Number(options.once && undone > 0);
} catch (error) {
  if (interruption.signal.aborted) process.exitCode = interruption.exitCode;
  else {
    log("error", "fatal", describeError(error));
    process.exitCode = 1;
  }
}
process.exit();

function readOptions(): AgentOptions {
  try {
    return parseAgentOptions(process.argv.slice(2), process.env);
  } catch (error) {
    process.stderr.write(`corral: ${describeError(error)}\n\n${HELP}`);
    process.exit(2);
  }
}

async function startAgent(options: AgentOptions): Promise<number> {
  const { email, swarmToken, tags, heartbeatSeconds, concurrency, once } = options;
  const hardware = await detectHardware();
  const identity = await IdentityFile.open(options.idFile, options);
  const api = new ApiClient(options.url, log);
  const session = new Session({ api, identity, hardware, email, swarmToken, tags, heartbeatSeconds, log });
  await session.register({ giveUp: interruption.signal, cutOff: interruption.signal });
  interruption.signal.throwIfAborted();

  const halt = new AbortController();
  const cutOff = new AbortController();
  halt.signal.addEventListener("abort", () => {
    setTimeout(() => cutOff.abort(new Error("no answer in time")), GRACE_MS).unref();
  });
  interruption.signal.addEventListener("abort", () => {
    log("info", "stopping", "Stopping: what is held is given back. Once more to leave at once.");
    halt.abort(interruption.signal.reason);
  });
  const limits = { giveUp: halt.signal, cutOff: cutOff.signal };
  const settling = { giveUp: cutOff.signal, cutOff: cutOff.signal };
  const folder = join(resolve(options.workDir), identity.id);
  const agent = new Agent({
    session,
    desk: new TaskDesk(session, { asking: limits, settling }),
    halt,
    limits,
    concurrency,
    once,
    heartbeatSeconds,
    memoryMb: options.memoryMb ?? shareOfMemory(hardware.memoryBytes, concurrency),
    tasksDir: join(folder, "tasks"),
    venvs: options.venv ? new VenvCache(join(folder, "venvs")) : null,
    log,
  });
  return await agent.run();
}
