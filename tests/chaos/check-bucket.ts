import { Storage } from "@google-cloud/storage";
import type { TestCloud } from "../journeys/start-test-cloud.ts";
import type { OwnedJob } from "./owners.ts";

interface StoredTask {
  id: number;
  state: string;
  chunk: string;
  attempt: number;
  agent: string | null;
  resultUrl: string | null;
}

const TASKS = `
select id::float8 as id, state, chunk, attempt, agent_id as agent, result_url as "resultUrl"
  from corral.finished_tasks where corral.job_of(id) = $1 order by id`;

/** What the bucket lacks, or has too much of, once every job is over. */
export async function checkBucket(cloud: TestCloud, jobs: OwnedJob[]): Promise<string[]> {
  const faults: string[] = [];
  const { storage_endpoint, bucket: name } = cloud.info;
  const bucket = new Storage({ apiEndpoint: storage_endpoint, projectId: "corral-local" }).bucket(name);
  const objectOf = (url: string) => (url.startsWith(`gs://${name}/`) ? url.slice(`gs://${name}/`.length) : undefined);
  const read = async (object: string) => (await bucket.file(object).download())[0].toString();
  const present = new Set(await cloud.list(""));
  const explained = new Set([...present].filter((object) => object.startsWith("uploads/")));

  for (const job of jobs) {
    const tasks = await cloud.sql<StoredTask>(TASKS, [job.id]);
    const chunks = tasks.map(({ chunk }) => objectOf(chunk) ?? "");
    for (const object of chunks) explained.add(object);
    const data = objectOf(job.owner.data.get(job.rows) ?? "") ?? "";
    const [header, ...rows] = (await read(data)).trimEnd().split("\n");
    const split: string[] = [];
    for (const object of chunks) {
      const [first, ...rest] = present.has(object) ? (await read(object)).trimEnd().split("\n") : [];
      if (first !== header) faults.push(`${job.key}: ${object} is no chunk of its data`);
      split.push(...rest);
    }
    if (split.join("\n") !== rows.join("\n")) faults.push(`${job.key}: its chunks together are not its data`);

    const done = tasks.filter(({ state }) => state === "COMPLETED");
    for (const { id, resultUrl } of done) {
      const object = objectOf(resultUrl ?? "");
      if (object !== undefined && !present.has(object)) faults.push(`${job.key}: the result of task ${id} is gone`);
    }
    for (const object of present) {
      if (object.startsWith(`jobs/${job.id}/results/`)) explained.add(object);
    }
    if (job.kind !== "joined") continue;
    const [row] = await cloud.sql<{ url: string | null }>(
      "select final_result_url as url from corral.jobs where id = $1",
      [job.id],
    );
    const final = objectOf(row?.url ?? "");
    if (final === undefined || !present.has(final)) {
      faults.push(`${job.key}: its final result is not there: ${row?.url}`);
      continue;
    }
    explained.add(final);
    const lines = (await read(final)).trimEnd().split("\n");
    const told = lines.slice(1).map((line) => line.split(",")[0] ?? "");
    if (told.join() !== done.map(({ id }) => String(id)).join()) {
      faults.push(`${job.key}: its final result has ${told.length} rows for ${done.length} tasks, or another order`);
    }
    const holders = lines.slice(1).map((line) => line.split(",")[2] ?? "");
    if (holders.join() !== done.map(({ agent }) => agent ?? "").join()) {
      faults.push(`${job.key}: its final result holds what others than the completers made`);
    }
  }
  for (const object of present) if (!explained.has(object)) faults.push(`stray object ${object}`);
  return faults;
}
