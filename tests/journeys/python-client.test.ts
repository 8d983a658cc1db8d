import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "./start-test-cloud.ts";
import { waitFor } from "./wait-for.ts";

const CLIENT = fileURLToPath(new URL("seed-client.py", import.meta.url));
const TASKS = 5;
const CODE = `
rows = [int(line.split(",")[1]) for line in chunk.split()[1:]]
result = f"mean\\n{sum(rows) / len(rows)}\\n"
`;

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.close());

interface Line {
  path: string;
  status: number;
  body: Record<string, unknown>;
}

test("the documented client loop works off a job over Python's urllib, with nothing but another base URL", async ({
  skip,
}) => {
  if (!hasPython()) return skip("there is no python3 here");
  const job = await uploadJob();
  const { stdout } = await promisify(execFile)("python3", [CLIENT], {
    env: { PATH: process.env.PATH, BASE_URL: cloud.info.functions_url, OWNER_EMAIL: cloud.info.owner.email },
  });
  const lines: Line[] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

  const round = ["heartbeat", "request_task", "upload_result", "complete_task"];
  expect(lines.map(({ path }) => path)).toEqual(
    ["register", ...Array(TASKS).fill(round).flat(), "heartbeat", "request_task"].map((path) => `/agent/${path}`),
  );
  expect(new Set(lines.map(({ status }) => status))).toEqual(new Set([200]));
  expect(lines.at(-1)?.body).toMatchObject({ task_id: null, job_id: null, chunk_data_url: null });

  const ended = await waitFor(async () => {
    const reply = await fetch(`${cloud.info.functions_url}/jobs/${job}`);
    const body = await reply.json();
    return body.status === "COMPLETED" ? body : undefined;
  });
  expect(ended).toMatchObject({ total_subtasks: TASKS, completed_subtasks: TASKS, error_message: null });
  const result = await fetch(ended.final_result_url);
  expect(await result.text()).toBe("mean\n1.5\n3.5\n5.5\n7.5\n9.5\n");
});

function hasPython(): boolean {
  try {
    execFileSync("python3", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Makes a job of ten rows, as the documentation's website does; resolves to its id once its tasks are there. */
async function uploadJob(): Promise<number> {
  const form = new FormData();
  form.set("title", "Means");
  form.set("user_id", cloud.info.owner.id);
  form.set("file_code", new File([CODE], "train.py"));
  form.set("file_req", new File(["\n"], "requirements.txt"));
  const rows = Array.from({ length: 2 * TASKS }, (_, row) => `${row},${row + 1}`);
  form.set("file_data", new File([`row,value\n${rows.join("\n")}\n`], "data.csv"));
  form.set("chunks", String(TASKS));
  const reply = await fetch(`${cloud.info.functions_url}/jobs/upload`, { method: "POST", body: form });
  const { job_id } = await reply.json();
  await waitFor(async () => {
    const [job] = await cloud.sql<{ status: string }>("select status from corral.jobs where id = $1", [job_id]);
    return job?.status === "RUNNING" ? true : undefined;
  });
  return job_id;
}
