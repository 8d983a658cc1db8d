import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

export interface AgentOptions {
  help: boolean;
  /** Base URL of the functions, without a slash at its end. */
  url: string;
  email: string;
  swarmToken: string | null;
  /** Tasks held at a time. */
  concurrency: number;
  /** Do one task, or find none, and exit. */
  once: boolean;
  json: boolean;
  idFile: string;
  workDir: string;
  /** Memory limit of each process of a script; null leaves it to the machine's memory. */
  memoryMb: number | null;
  heartbeatSeconds: number;
  venv: boolean;
  tags: string[];
}

const LONGEST_HEARTBEAT_SECONDS = 3600;
const MOST_TASKS = 256;
/** Below this, node has no heap to speak of. */
const LEAST_MEMORY_MB = 256;

export const HELP = `Usage: npm run agent -- --url <url> --email <e-mail> [options]

Lends this machine to a fleet: claims tasks, runs their scripts and hands in the results, until Ctrl-C.

  --url <url>                    base URL of the functions, such as http://127.0.0.1:54321/functions/v1
  --email <e-mail>               whose agent this is
  --swarm-token <token>          enrols the agent in a swarm; better in CORRAL_SWARM_TOKEN, where ps does not show it
  --concurrency <n>              tasks held at a time (default 1)
  --once                         do one task, or find none, and exit
  --json                         log one JSON object per line
  --tags <a,b>                   what jobs may ask of this machine beside its GPU and memory
  --memory-mb <n>                memory limit of a script (default 80 % of the memory, divided by --concurrency)
  --heartbeat-interval <seconds> time between heartbeats while working (default 10)
  --venv                         install a task's requirements.txt into a virtual environment of its job
  --id-file <file>               keeps the agent's id and token (default ~/.corral/agent.json); one agent at a time
  --work-dir <folder>            where tasks have their folders (default ~/.corral/work)
  --help                         this text

What a script meets: a folder of its own as working directory, deleted afterwards, which holds the script, its chunk of
the data and requirements.txt. A .py runs with python3, a .mjs or .js with node. The environment is empty but for

  PATH, HOME and TMPDIR (its folder), LANG, PYTHONUNBUFFERED, and CUDA_VISIBLE_DEVICES where the agent has it
  CORRAL_DATA                    path of the chunk
  CORRAL_TASK_ID, CORRAL_JOB_ID, CORRAL_ATTEMPT

It leaves its result in that folder, as the first of these that is there:
model.safetensors, model.pth, result.parquet, result.jsonl, result.csv, result.json. No file means no result to upload; a
folder, a link or a pipe of such a name fails the task.
A metrics.json such as {"rows": 182} tells how many rows it learned from, which weighs its model in an average. A line
"progress 0.5" on its output tells how far it is. Exit code 0 is success; anything else has the task tried again.

The memory limit is RLIMIT_DATA, for each process of the script, so Linux enforces it and macOS does not; node also gets
a heap limit that is 160 MB lower. A script runs as the user who runs the agent, and this is no jail: give the agent
a user or a container of its own if you do not trust the jobs of its swarm. What a script starts ends with it; where that
has a session of its own, only Linux lets the agent find it, and only while its HOME is still the folder.

Ctrl-C gives the held tasks back and exits with 130, SIGTERM likewise with 0; a second Ctrl-C exits at once. --once exits
with 1 when its task was not completed. Nothing else ends an agent but a refusal to register.
`;

/** Reads the command line and CORRAL_SWARM_TOKEN; throws an Error that names the option at fault. */
export function parseAgentOptions(argv: string[], env: NodeJS.ProcessEnv): AgentOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      help: { type: "boolean", default: false },
      url: { type: "string", default: "" },
      email: { type: "string", default: "" },
      "swarm-token": { type: "string", default: env.CORRAL_SWARM_TOKEN ?? "" },
      concurrency: { type: "string", default: "1" },
      once: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      "id-file": { type: "string", default: join(homedir(), ".corral", "agent.json") },
      "work-dir": { type: "string", default: join(homedir(), ".corral", "work") },
      "memory-mb": { type: "string" },
      "heartbeat-interval": { type: "string", default: "10" },
      venv: { type: "boolean", default: false },
      tags: { type: "string", default: "" },
    },
  });
  const memoryMb = values["memory-mb"];
  return {
    help: values.help,
    url: values.help ? "" : httpUrl("--url", values.url),
    email: values.help ? "" : required("--email", values.email),
    swarmToken: values["swarm-token"] || null,
    concurrency: whole("--concurrency", values.concurrency, 1, MOST_TASKS),
    once: values.once,
    json: values.json,
    idFile: required("--id-file", values["id-file"]),
    workDir: required("--work-dir", values["work-dir"]),
    memoryMb: memoryMb === undefined ? null : whole("--memory-mb", memoryMb, LEAST_MEMORY_MB, 2 ** 30),
    heartbeatSeconds: whole("--heartbeat-interval", values["heartbeat-interval"], 1, LONGEST_HEARTBEAT_SECONDS),
    venv: values.venv,
    tags: values.tags
      .split(",")
      .map((tag) => tag.trim())
      .filter((tag) => tag !== ""),
  };
}

/** The memory that a script may have when nobody says: its share of the machine's, with a fifth kept back. */
export function shareOfMemory(totalBytes: number, concurrency: number): number {
  return Math.max(LEAST_MEMORY_MB, Math.floor((totalBytes * 0.8) / concurrency / 2 ** 20));
}

function required(option: string, value: string): string {
  if (value.trim() === "") throw new Error(`${option} is missing.`);
  return value.trim();
}

function httpUrl(option: string, value: string): string {
  const text = required(option, value);
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new Error(`${option} takes an http or https URL, not "${text}".`);
  return text.replace(/\/+$/, "");
}

function whole(option: string, value: string, least: number, most: number): number {
  const parsed = Number(value);
  if (!Number.isInteger(parsed) || parsed < least || parsed > most || value.trim() === "")
    throw new Error(`${option} takes a whole number from ${least} to ${most}, not "${value}".`);
  return parsed;
}
