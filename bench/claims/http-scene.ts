import { fileURLToPath } from "node:url";
import { Storage } from "@google-cloud/storage";
import type pg from "pg";
import { z } from "zod";
import type { Cloud } from "../../local/cloud.ts";
import { addTasks } from "../add-tasks.ts";
import { startChild } from "../child.ts";
import { HttpConnection } from "../http-connection.ts";
import type { HttpCalling } from "./http-callers.ts";

const CALLERS_FILE = fileURLToPath(new URL("http-callers.ts", import.meta.url));
const UPLOADS_AT_ONCE = 16;
const CHUNK = "day,rain\n1,0.5\n2,1.5\n";

export interface HttpAgent {
  id: string;
  token: string;
}

const registered = z.object({ agent_token: z.string() });

/** Registers agents as they do it themselves. */
export async function registerOverHttp({ info }: Cloud, count: number, connections: number): Promise<HttpAgent[]> {
  const path = new URL(info.functions_url).pathname;
  const agents: HttpAgent[] = [];
  let next = 0;
  const register = async () => {
    const connection = await HttpConnection.open(info.functions_url);
    while (next < count) {
      const id = `agent-${next++}`;
      const { status, body } = await connection.post(`${path}/agent/register`, { id, email: info.owner.email });
      if (status !== 200) throw new Error(`register answered ${status}: ${body}`);
      agents.push({ id, token: registered.parse(JSON.parse(body)).agent_token });
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, register));
  return agents;
}

/** Adds a job whose tasks are about real objects of the bucket, each object for many of them. */
export async function addTasksWithChunks(
  { info }: Cloud,
  admin: pg.Client,
  tasks: number,
  chunks: number,
): Promise<void> {
  const bucket = new Storage({ apiEndpoint: info.storage_endpoint, projectId: "bench" }).bucket(info.bucket);
  const names = Array.from({ length: chunks }, (_, index) => `jobs/1/chunks/${String(index + 1).padStart(5, "0")}.csv`);
  const upload = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop())
      await bucket.file(name).save(CHUNK, { resumable: false });
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, upload));
  const number = `lpad((1 + n % ${chunks})::text, 5, '0')`;
  await addTasks(admin, { ready: tasks, chunk: `'gs://${info.bucket}/jobs/1/chunks/' || ${number} || '.csv'` });
  await admin.query("vacuum analyze corral.tasks");
}

const claimed = z.object({ task_id: z.number(), attempt: z.number(), chunk_data_url: z.url() });

/** Claims a task, reads its chunk from where the reply says that it is, and completes it. */
export async function proveChunk({ info }: Cloud, { id, token }: HttpAgent): Promise<void> {
  const call = (route: string, body: unknown) =>
    fetch(`${info.functions_url}/agent/${route}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const task = claimed.parse(await (await call("request_task", { agent_id: id })).json());
  const chunk = await (await fetch(task.chunk_data_url)).text();
  if (chunk !== CHUNK) throw new Error(`The chunk is not what was stored: ${chunk}`);
  const { task_id, attempt } = task;
  const done = await call("complete_task", { agent_id: id, task_id, attempt, result_url: "https://example.com/r.csv" });
  if (!done.ok) throw new Error(`complete_task answered ${done.status}: ${await done.text()}`);
}

const reached = z.object({ tasks: z.number(), seconds: z.number(), p50: z.number(), p99: z.number() });
export type Reached = z.infer<typeof reached>;

/** Lets agents call from a process of their own. */
export async function callOverHttp(calling: HttpCalling): Promise<Reached> {
  const child = await startChild(CALLERS_FILE, calling, ["--import", "tsx"]);
  await child.stop();
  return reached.parse(JSON.parse(child.firstLine));
}
