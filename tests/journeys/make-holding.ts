import pg from "pg";
import { z } from "zod";
import { signIn } from "../../local/seed-cloud.ts";
import type { TestCloud } from "./start-test-cloud.ts";
import { waitFor } from "./wait-for.ts";

/** Everything that one owner can have: a project with a dataset, files, a swarm, a job in it, and an agent at work. */
export interface Holding {
  user: { id: string; email: string; token: string };
  project: string;
  swarm: string;
  swarmToken: string;
  job: number;
  agent: { id: string; token: string };
  task: number;
  /** The folder of the bucket with what he uploaded. */
  uploads: string;
  codeUrl: string;
  dataUrl: string;
  datasetUrl: string;
  chunkUrl: string;
  resultUrl: string;
  /** What nobody else may ever be told. */
  secrets: string[];
}

const account = z.object({ id: z.string() });
const target = z.object({ url: z.string(), headers: z.record(z.string(), z.string()), object_url: z.string() });
const created = z.object({ job_id: z.int() });
const registered = z.object({ agent_token: z.string() });
const given = z.object({ task_id: z.int() });
const uploadTarget = target.omit({ object_url: true }).extend({ result_url: z.string() });

/** Gives a new user one of everything. */
export async function makeHolding(cloud: TestCloud, name: string): Promise<Holding> {
  const { info } = cloud;
  const login = { email: `${name}@example.org`, password: `the-password-of-${name}` };
  const post = async (path: string, body: unknown, token?: string): Promise<unknown> => {
    const reply = await fetch(`${info.functions_url}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${await reply.text()}`);
    return reply.json();
  };
  const { id } = account.parse(await post("/auth/register", login));
  const token = await signIn(info.api_url, info.anon_key, login);
  const upload = async (filename: string): Promise<string> => {
    const { url, headers, object_url } = target.parse(await post("/jobs/upload_url", { filename }, token));
    await put(url, headers, `${name}'s ${filename}\n1\n2\n3\n`);
    return object_url;
  };
  const [codeUrl, dataUrl] = [await upload("train.py"), await upload("data.csv")];

  const dataset = `raw/${name}_secrets_v1.zip`;
  await cloud.save(dataset, `${name}'s dataset`);
  const datasetUrl = `gs://${info.bucket}/${dataset}`;
  const [project] = await cloud.sql<{ id: string }>(
    "insert into public.projects (user_id, name) values ($1, $2) returning id",
    [id, `${name}'s project`],
  );
  if (project === undefined) throw new Error("no project");
  await cloud.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, $2, $3)", [
    project.id,
    `${name}'s dataset`,
    datasetUrl,
  ]);
  await post(
    "/agents/dataset/auth",
    { project_id: project.id, kaggle_username: name, kaggle_key: `${name}-key` },
    token,
  );

  const swarm = `${name}'s swarm`;
  const swarmToken = await makeSwarm(info.postgres_url, swarm, id);
  const wishes = { title: `${name}'s job`, data_url: dataUrl, code_url: codeUrl, chunks: 3, swarm };
  const { job_id: job } = created.parse(await post("/jobs", wishes, token));
  const chunkUrl = await waitFor(async () => {
    const [task] = await cloud.sql<{ chunk: string }>(
      `select t.chunk from corral.tasks t join corral.jobs j on j.id = corral.job_of(t.id) and j.status = 'RUNNING'
        where j.id = $1 limit 1`,
      [job],
    );
    return task?.chunk;
  });
  const agent = `${name}'s agent`;
  const { agent_token } = registered.parse(
    await post("/agent/register", { id: agent, email: login.email }, swarmToken),
  );
  const { task_id: task } = given.parse(await post("/agent/request_task", { agent_id: agent }, agent_token));
  const result = uploadTarget.parse(
    await post("/agent/upload_url", { agent_id: agent, task_id: task, filename: "result.csv" }, agent_token),
  );
  await put(result.url, result.headers, `${name}'s result`);
  const secrets = [`${name}'s`, `${name}-key`, `${name}_secrets`, agent_token, swarmToken, login.email];
  return {
    user: { id, email: login.email, token },
    project: project.id,
    swarm,
    swarmToken,
    job,
    agent: { id: agent, token: agent_token },
    task,
    uploads: `uploads/${id}/`,
    codeUrl,
    dataUrl,
    datasetUrl,
    chunkUrl,
    resultUrl: result.result_url,
    secrets,
  };
}

async function put(url: string, headers: Record<string, string>, body: string): Promise<void> {
  const reply = await fetch(url, { method: "PUT", headers, body });
  if (!reply.ok) throw new Error(`The bucket answered ${reply.status}: ${await reply.text()}`);
}

/** A swarm that is its owner's alone, as whoever runs the cloud makes it; resolves to the token that enrols in it. */
async function makeSwarm(connectionString: string, swarm: string, owner: string): Promise<string> {
  const operator = new pg.Client({ connectionString });
  await operator.connect();
  await operator.query("select corral.create_swarm($1, $2)", [swarm, owner]);
  const { rows } = await operator.query<{ token: string }>("select corral.issue_swarm_token($1) as token", [swarm]);
  await operator.end();
  const token = rows[0]?.token;
  if (token === undefined) throw new Error(`no token for ${swarm}`);
  return token;
}
