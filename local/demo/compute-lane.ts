import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PostgrestClient } from "@supabase/postgrest-js";
import { strFromU8, unzipSync } from "fflate";
import { z } from "zod";
import type { Database } from "../../shared/db/database.types.ts";
import type { Cloud } from "../cloud.ts";
import { signIn } from "../seed-cloud.ts";
import { formatDuration, formatTable } from "../text-table.ts";
import { type AgentEvent, startAgents } from "./agents.ts";
import type { IngestedProject } from "./dataset-lane.ts";
import { examine, readWeights, trainOnAll } from "./examine-model.ts";
import { downloadObject } from "./inspect-object.ts";

const SCRIPT = fileURLToPath(new URL("train.mjs", import.meta.url));
const AGENTS = ["ada", "blaise", "clara", "dmitri"];
const CHUNKS = 8;
const POLL_MS = 200;
const LIMIT_MS = 120_000;

const jobSummary = z.object({ id: z.int(), title: z.string() });
const jobReply = z.object({
  status: z.string(),
  total_subtasks: z.int(),
  completed_subtasks: z.int(),
  running_subtasks: z.int(),
  final_result_url: z.string().nullable(),
  error_message: z.string().nullable(),
});
type Job = z.infer<typeof jobReply>;

/**
 * Gives a project that has its dataset a training: Postgres makes it a job, agents train on its chunks, one of them is
 * killed, and the average of what they learned is examined beside a model that saw everything at once.
 */
export async function runComputeLane(
  cloud: Cloud,
  project: IngestedProject,
  out: NodeJS.WriteStream,
  signal: AbortSignal,
): Promise<void> {
  const { info } = cloud;
  const token = await signIn(info.api_url, info.anon_key, info.owner);
  const call = async (path: string, body?: unknown) => {
    const reply = await fetch(`${info.functions_url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${await reply.text()}`);
    return reply.json();
  };

  out.write(
    `\n"${project.name}" gets a training: ${CHUNKS} chunks for ${AGENTS.length} agents, averaged by fedavg.\n\n`,
  );
  const codeUrl = await uploadScript(call);
  await startTraining(info.api_url, info.anon_key, token, project.id, codeUrl);
  const jobs = z.array(jobSummary).parse(await call(`/jobs/list/${info.owner.id}`));
  const id = jobs.find(({ title }) => title === project.name)?.id;
  if (id === undefined) throw new Error(`"${project.name}" did not become a job`);

  const story = new Story(out);
  const fleet = await startAgents(AGENTS, { url: info.functions_url, email: info.owner.email }, (event) => {
    if (story.tell(event)) fleet.kill(event.agent);
  });
  let job: Job;
  try {
    job = await followJob(async () => jobReply.parse(await call(`/jobs/${id}`)), story, signal);
  } finally {
    await fleet.close();
  }
  await report(cloud, project, job, story, out);
}

/** Puts the script where only its owner's jobs may have it read. */
async function uploadScript(call: (path: string, body: unknown) => Promise<unknown>): Promise<string> {
  const target = z
    .object({ url: z.string(), headers: z.record(z.string(), z.string()), object_url: z.string() })
    .parse(await call("/jobs/upload_url", { filename: "train.mjs" }));
  const put = await fetch(target.url, { method: "PUT", headers: target.headers, body: await readFile(SCRIPT) });
  if (!put.ok) throw new Error(`The script was not stored: ${put.status} ${await put.text()}`);
  return target.object_url;
}

async function startTraining(apiUrl: string, anonKey: string, token: string, project: string, codeUrl: string) {
  const db = new PostgrestClient<Database>(`${apiUrl}/rest/v1`, {
    headers: { apikey: anonKey, authorization: `Bearer ${token}` },
  });
  const training = { code_url: codeUrl, data_file: "seattle-weather.csv", chunks: CHUNKS, aggregate: "fedavg" };
  const { error } = await db.from("projects").update({ metadata: { training } }).eq("id", project);
  if (error) throw new Error(`Cannot start the training: ${error.message}`);
}

async function followJob(read: () => Promise<Job>, story: Story, signal: AbortSignal): Promise<Job> {
  const startedAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const job = await read();
    story.note(job);
    if (["COMPLETED", "FAILED", "CANCELLED"].includes(job.status)) return job;
    if (performance.now() - startedAt > LIMIT_MS)
      throw new Error(`The job did not end within ${formatDuration(LIMIT_MS)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** What happens to the job and among the agents, as it is shown; the first agent that claims a task is the victim. */
class Story {
  readonly #out: NodeJS.WriteStream;
  readonly #startedAt = performance.now();
  #lastNote = "";
  victim: { agent: string; task: number } | undefined;
  /** By whom each task was completed. */
  readonly completed = new Map<number, string>();

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** Tells an agent's event; true when the agent is to die of it. */
  tell({ agent, event, task_id: task }: AgentEvent): boolean {
    if (task === undefined) return false;
    if (event === "completed") this.completed.set(task, agent);
    const isVictim = event === "claimed" && this.victim === undefined;
    if (isVictim) this.victim = { agent, task };
    if (event === "claimed" || event === "completed")
      this.#say(`${agent.padEnd(7)} ${event} task ${task}${isVictim ? ", and is killed with SIGKILL" : ""}`);
    return isVictim;
  }

  note(job: Job): void {
    const note = `${job.status} ${job.completed_subtasks} of ${job.total_subtasks} tasks done`;
    if (note !== this.#lastNote) this.#say(`job     ${note}`);
    this.#lastNote = note;
  }

  #say(line: string): void {
    this.#out.write(`  ${formatDuration(performance.now() - this.#startedAt).padStart(7)}  ${line}\n`);
  }
}

async function report(cloud: Cloud, project: IngestedProject, job: Job, story: Story, out: NodeJS.WriteStream) {
  const surprises: string[] = [];
  if (job.status !== "COMPLETED" || job.final_result_url === null)
    throw new Error(`the job is ${job.status} without a result: ${job.error_message}`);
  const { victim } = story;
  const heir = victim && story.completed.get(victim.task);
  if (victim === undefined || heir === undefined || heir === victim.agent)
    surprises.push("the killed agent's task was not done by another");

  const file = await fetch(job.final_result_url);
  if (!file.ok) throw new Error(`the result cannot be fetched: ${file.status}`);
  const averaged = readWeights(Buffer.from(await file.arrayBuffer()));
  const csv = await readCsv(cloud, project.gcsUrl);
  const whole = await trainOnAll(SCRIPT, csv);
  const scores = { averaged: examine(averaged, csv), whole: examine(whole, csv) };
  const show = (name: string, weights: number[], score: number) => [
    name,
    score.toFixed(3),
    weights.map((weight) => weight.toFixed(3)).join("  "),
  ];
  out.write(`\n${victim?.agent} was killed at task ${victim?.task}; ${heir} did it.\n\n`);
  out.write(
    `${formatTable(
      ["model", "R² on days held out", "weights"],
      [show(`average of ${CHUNKS}`, averaged, scores.averaged), show("all data at once", whole, scores.whole)],
    )}\n`,
  );
  if (!(scores.averaged > 0.5)) surprises.push(`the averaged model scores ${scores.averaged}`);
  if (surprises.length > 0) throw new Error(surprises.join("; "));
}

async function readCsv(cloud: Cloud, gcsUrl: string): Promise<string> {
  const files = unzipSync(await downloadObject(cloud.info.storage_endpoint, gcsUrl));
  const csv = files["seattle-weather.csv"];
  if (csv === undefined) throw new Error(`${gcsUrl} holds no seattle-weather.csv but ${Object.keys(files).join(", ")}`);
  return strFromU8(csv);
}
