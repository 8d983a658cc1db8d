import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addAgent, addJob, openEnrollment, taskOf } from "../db/fleet-scene.ts";
import { startFunctions } from "./start-functions.ts";

const MiB = 1024 * 1024;

let functions: Awaited<ReturnType<typeof startFunctions>>;
beforeAll(async () => {
  functions = await startFunctions();
  await openEnrollment(functions.db);
});
afterAll(() => functions.close());

const post = (path: string, body: unknown) => functions.call(`/agent/${path}`, { method: "POST", body });

/** An agent with a task in its hands. */
async function startTask() {
  const tags = [randomUUID()];
  const agent = await addAgent(functions.db, { tags });
  const { id: job } = await addJob(functions.db, 1, { tags });
  const { body } = await post("request_task", { agent_id: agent });
  return { agent, job, task: Number(body.task_id) };
}

const contentOf = async (name: string) => (await functions.bucket.file(name).download())[0];

describe("POST /agent/upload_url", () => {
  test("lets an agent put its result into the bucket, under the attempt, and complete with it", async () => {
    const { agent, job, task } = await startTask();
    const wish = { agent_id: agent, task_id: task, filename: "model.pth", content_type: "application/x-pytorch" };
    const { status, body } = await post("upload_url", wish);
    const object = `jobs/${job}/results/${task}/1/model.pth`;
    expect(status).toBe(200);
    expect(body).toMatchObject({
      method: "PUT",
      headers: { "content-type": "application/x-pytorch" },
      result_url: `gs://bucket/${object}`,
    });
    expect(Date.parse(body.expires_at)).toBeGreaterThan(Date.now());
    const bytes = randomBytes(3 * MiB);
    const put = await fetch(body.url, { method: body.method, headers: body.headers, body: bytes });
    expect(put.status).toBe(200);
    expect((await contentOf(object)).equals(bytes)).toBe(true);
    const [metadata] = await functions.bucket.file(object).getMetadata();
    expect(metadata.contentType).toBe("application/x-pytorch");
    const done = { agent_id: agent, task_id: task, attempt: 1, result_url: body.result_url };
    expect((await post("complete_task", done)).status).toBe(200);
    expect((await taskOf(functions.db, task)).result_url).toBe(`gs://bucket/${object}`);
  });

  test.for([
    ["../../../secrets", "secrets"],
    ["C:\\results\\r.csv", "r.csv"],
    ["..", "result"],
    ["a\nb.csv", "a_b.csv"],
    ["ü ñ.csv", "ü ñ.csv"],
    ["dir/", "result"],
  ] as const)("names the object of %j %s, and no other folder", async ([filename, name]) => {
    const { agent, job, task } = await startTask();
    const { body } = await post("upload_url", { agent_id: agent, task_id: task, filename });
    expect(body.result_url).toBe(`gs://bucket/jobs/${job}/results/${task}/1/${name}`);
  });

  test("passes no type on that no header can carry", async () => {
    const { agent, task } = await startTask();
    for (const content_type of ["text/csv\nx-goog-acl: public-read", "bücher/csv", ""]) {
      const { body } = await post("upload_url", { agent_id: agent, task_id: task, content_type });
      expect(body.headers).toEqual({ "content-type": "application/octet-stream" });
    }
  });

  test("is for whoever holds the task, while he does", async () => {
    const { agent, task } = await startTask();
    const stranger = await startTask();
    const ask = async (agent_id: string, task_id: number, attempt?: number) => {
      const { status, body } = await post("upload_url", { agent_id, task_id, attempt });
      return [status, body.detail];
    };
    expect(await ask(stranger.agent, task)).toEqual([400, "This task was not assigned to you"]);
    expect(await ask(agent, 55)).toEqual([404, "Subtask not found"]);
    expect(await ask("nobody", task)).toEqual([404, "Agent not registered"]);
    expect((await ask(agent, task, 2))[0]).toBe(409);
    await post("complete_task", { agent_id: agent, task_id: task, result_url: "" });
    expect((await ask(agent, task))[0]).toBe(409);
  });
});

describe("POST /agent/upload_result", () => {
  const form = (agent: string, task: number | string, bytes: Uint8Array<ArrayBuffer>, name = "model.pth") => {
    const body = new FormData();
    body.set("agent_id", agent);
    body.set("task_id", String(task));
    body.set("file", new Blob([bytes], { type: "application/octet-stream" }), name);
    return body;
  };

  test("puts the file into the bucket and answers a URL to read it and to complete with", async () => {
    const { agent, job, task } = await startTask();
    const bytes = new Uint8Array(randomBytes(MiB));
    const { status, body } = await post("upload_result", form(agent, task, bytes));
    expect(status).toBe(200);
    const read = await fetch(body.url);
    expect(Buffer.from(await read.arrayBuffer()).equals(bytes)).toBe(true);
    expect((await post("complete_task", { agent_id: agent, task_id: task, result_url: body.url })).status).toBe(200);
    expect((await taskOf(functions.db, task)).result_url).toBe(`gs://bucket/jobs/${job}/results/${task}/1/model.pth`);
  });

  test("takes empty files, and large ones at the same time", async () => {
    const scenes = await Promise.all([startTask(), startTask(), startTask(), startTask(), startTask()]);
    const sizes = [0, 32 * MiB, 32 * MiB, 20 * MiB, 1];
    const replies = await Promise.all(
      scenes.map(({ agent, task }, n) => post("upload_result", form(agent, task, new Uint8Array(sizes[n] ?? 0)))),
    );
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 200]);
    const stored = await Promise.all(
      scenes.map(async ({ job, task }) => {
        const [metadata] = await functions.bucket.file(`jobs/${job}/results/${task}/1/model.pth`).getMetadata();
        return Number(metadata.size);
      }),
    );
    expect(stored).toEqual(sizes);
  });

  test("answers 413 to a file that is larger than 32 MiB, and names the way for those", async () => {
    const { agent, task } = await startTask();
    for (const size of [32 * MiB + 1, 33 * MiB]) {
      const { status, body } = await post("upload_result", form(agent, task, new Uint8Array(size)));
      expect([status, body.code]).toEqual([413, "body_too_large"]);
      expect(body.detail).toContain("/agent/upload_url");
    }
  });

  test("answers 404 in the seed's words for an unknown task, and stores nothing", async () => {
    const { agent, task } = await startTask();
    const stranger = await startTask();
    const upload = async (id: string, of: number) => {
      const { status, body } = await post("upload_result", form(id, of, new Uint8Array(10)));
      return [status, body.detail];
    };
    expect(await upload(agent, 55)).toEqual([404, "Subtask not found"]);
    expect(await upload(stranger.agent, task)).toEqual([400, "This task was not assigned to you"]);
    const [files] = await functions.bucket.getFiles({ prefix: `jobs/${Math.floor(task / 1e7)}/results/` });
    expect(files).toEqual([]);
  });

  test("answers 422 to a form without a file, and to what is no form", async () => {
    const { agent, task } = await startTask();
    const body = form(agent, task, new Uint8Array(1));
    body.delete("file");
    const reply = await post("upload_result", body);
    expect([reply.status, reply.body.detail]).toEqual([422, [expect.objectContaining({ loc: ["body", "file"] })]]);
    for (const number of ["seven", "0x989681", "1e3", "", " ", "1.0", "9".repeat(17)])
      expect((await post("upload_result", form(agent, number, new Uint8Array(1)))).status).toBe(422);
    expect((await post("upload_result", { agent_id: agent, task_id: task })).status).toBe(422);
  });
});
