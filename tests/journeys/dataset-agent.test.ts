import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "./start-test-cloud.ts";

// The calls of the dataset agent's documentation, in its order, by a client that knows no token.

let cloud: TestCloud;
let projectId: string;

beforeAll(async () => {
  cloud = await startTestCloud({ openAdmin: true });
  const [project] = await cloud.sql<{ id: string }>(
    "insert into public.projects (user_id, name, search_keywords) values ($1, 'Rain', '{seattle,weather}') returning id",
    [cloud.info.owner.id],
  );
  projectId = project?.id ?? "";
});
afterAll(() => cloud.close());

const call = async (method: string, path: string, body?: unknown) => {
  const reply = await fetch(`${cloud.info.functions_url}${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  return { status: reply.status, body: await reply.json() };
};

test("POST /agents/dataset/auth saves a project's Kaggle credentials, which no table shows", async () => {
  expect(
    await call("POST", "/agents/dataset/auth", {
      project_id: projectId,
      kaggle_username: "corral",
      kaggle_key: "local-kaggle-key",
    }),
  ).toEqual({ status: 200, body: { success: true, message: "Kaggle credentials saved" } });
  const [row] = await cloud.sql<{ metadata: unknown }>("select metadata from public.projects where id = $1", [
    projectId,
  ]);
  expect(JSON.stringify(row)).not.toContain("local-kaggle-key");
});

test("POST /agents/dataset/start answers with the dataset once it is in the bucket", async () => {
  const { status, body } = await call("POST", "/agents/dataset/start", { project_id: projectId });
  expect({ status, body }).toEqual({
    status: 200,
    body: expect.objectContaining({
      success: true,
      dataset_name: "noaa/seattle-weather",
      gcs_url: expect.stringMatching(/^gs:\/\/corral-local\/raw\/noaa_seattle-weather_v\d+\.zip$/),
      size: expect.stringMatching(/^\d+\.\d\d KB$/),
    }),
  });
  expect(await cloud.list("raw/")).toEqual([body.gcs_url.replace("gs://corral-local/", "")]);
});

test("GET /agents/dataset/status/{project_id} shows the dataset and the workflow's log lines", async () => {
  const { status, body } = await call("GET", `/agents/dataset/status/${projectId}`);
  expect(status).toBe(200);
  expect(body.dataset).toMatchObject({ project_id: projectId, name: "noaa/seattle-weather", source: "kaggle" });
  expect(body.logs.map((line: { agent_name: string }) => line.agent_name)).toEqual(
    Array(body.logs.length).fill("dataset"),
  );
  const told = body.logs
    .map((line: { message: string }) => line.message.toLowerCase())
    .reverse()
    .join("\n");
  expect(told).toMatch(
    /starting[\s\S]*authenticating[\s\S]*searching[\s\S]*found dataset[\s\S]*downloading[\s\S]*uploading[\s\S]*recording metadata[\s\S]*completed/,
  );
  expect(body.run).toMatchObject({ state: "succeeded", attempt: 1 });
});

test("the owner has been told of searching, downloading, uploading and the end, and the project waits for training", async () => {
  const messages = await cloud.sql<{ role: string; content: string }>(
    "select role, content from public.messages where user_id = $1 order by id",
    [cloud.info.owner.id],
  );
  expect(new Set(messages.map(({ role }) => role))).toEqual(new Set(["assistant"]));
  expect(messages.map(({ content }) => content.toLowerCase()).join("\n")).toMatch(
    /searching[\s\S]*downloading[\s\S]*uploading[\s\S]*ready/,
  );
  const [project] = await cloud.sql("select status from public.projects where id = $1", [projectId]);
  expect(project).toEqual({ status: "pending_training" });
});

test("the project's credentials are gone once its dataset is there", async () => {
  expect(await cloud.sql("select name from vault.secrets where name like '%' || $1", [projectId])).toEqual([]);
});

test("GET /health tells of the agent and its polling", async () => {
  expect(await call("GET", "/health")).toMatchObject({
    status: 200,
    body: { status: "healthy", agent: "dataset", auto_polling: true },
  });
});

test("POST /agents/dataset/polling/stop and start switch automatic ingestion", async () => {
  expect(await call("POST", "/agents/dataset/polling/stop")).toEqual({
    status: 200,
    body: { success: true, message: "Auto-polling stopped" },
  });
  expect((await call("GET", "/health")).body.auto_polling).toBe(false);
  expect(await call("POST", "/agents/dataset/polling/start")).toEqual({
    status: 200,
    body: { success: true, message: "Auto-polling started" },
  });
  expect(await call("POST", "/agents/dataset/polling/start")).toEqual({
    status: 200,
    body: { success: false, message: "Polling already active" },
  });
});

test("an unknown project is not found, and one that nothing suits is told so", async () => {
  expect(
    await call("POST", "/agents/dataset/start", { project_id: "7c9e6679-7425-40de-944b-e07fc1f90ae7" }),
  ).toMatchObject({
    status: 404,
    body: { detail: "Project not found" },
  });
  const [project] = await cloud.sql<{ id: string }>(
    "insert into public.projects (user_id, search_keywords) values ($1, '{whale,hydrophone}') returning id",
    [cloud.info.owner.id],
  );
  expect(await call("POST", "/agents/dataset/start", { project_id: project?.id })).toMatchObject({
    status: 404,
    body: { detail: "No suitable dataset found" },
  });
});
