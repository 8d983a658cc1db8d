import { generateKeyPairSync } from "node:crypto";
import { JobsClient } from "@google-cloud/run";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectCloudRun, LOCATION } from "./connect-cloud-run.ts";

let cloud: Awaited<ReturnType<typeof connectCloudRun>>;
beforeAll(async () => {
  cloud = await connectCloudRun();
});
afterAll(() => cloud.close());

const job = (id: string) => `${LOCATION}/jobs/${id}`;
const template = { template: { containers: [{ image: "test", command: ["node", "-e", ""] }] } };

describe("a job", () => {
  test("is what was created, with Cloud Run's defaults, and is ready", async () => {
    const [operation] = await cloud.jobs.createJob({ parent: LOCATION, jobId: "created", job: { template } });
    const [created] = await operation.promise();
    expect(created.name).toBe(job("created"));
    expect(created.template?.taskCount).toBe(1);
    expect(created.template?.template?.maxRetries).toBe(3);
    expect(Number(created.template?.template?.timeout?.seconds)).toBe(600);
    const [read] = await cloud.jobs.getJob({ name: job("created") });
    expect(read.terminalCondition).toMatchObject({ type: "Ready", state: "CONDITION_SUCCEEDED" });
    expect(read.uid).toBe(created.uid);
    expect(read.template?.template?.containers?.[0]?.image).toBe("test");
  });

  test("keeps fields that this server does not act on", async () => {
    const labels = { team: "data" };
    const containers = [{ image: "test", command: ["node"], resources: { limits: { cpu: "2", memory: "1Gi" } } }];
    const executionEnvironment = "EXECUTION_ENVIRONMENT_GEN2" as const;
    const [operation] = await cloud.jobs.createJob({
      parent: LOCATION,
      jobId: "kept",
      job: { labels, template: { template: { containers, executionEnvironment } } },
    });
    await operation.promise();
    const [read] = await cloud.jobs.getJob({ name: job("kept") });
    expect(read.labels).toEqual(labels);
    expect(read.template?.template?.containers?.[0]?.resources?.limits).toEqual({ cpu: "2", memory: "1Gi" });
    expect(read.template?.template?.executionEnvironment).toBe(executionEnvironment);
  });

  test("cannot be created twice under one id", async () => {
    await cloud.createJob("twice", "");
    await expect(cloud.createJob("twice", "")).rejects.toThrow("already exists");
  });

  test("cannot be created under an id with capitals", async () => {
    await expect(cloud.createJob("Capital", "")).rejects.toThrow("lowercase");
  });

  test("is created by an update that allows it to be missing, and replaced by the next", async () => {
    const name = job("upserted");
    await expect(cloud.jobs.updateJob({ job: { name, template } })).rejects.toThrow("does not exist");
    const [first] = await cloud.jobs.updateJob({ job: { name, template }, allowMissing: true });
    const [created] = await first.promise();
    const changed = { taskCount: 4, template: template.template };
    const [second] = await cloud.jobs.updateJob({ job: { name, template: changed } });
    const [updated] = await second.promise();
    expect(updated.uid).toBe(created.uid);
    expect(updated.template?.taskCount).toBe(4);
    expect(Number(updated.generation)).toBe(Number(created.generation) + 1);
  });

  test("is only checked, not stored, when the request says validate only", async () => {
    await cloud.jobs.createJob({ parent: LOCATION, jobId: "imagined", job: { template }, validateOnly: true });
    await expect(cloud.jobs.getJob({ name: job("imagined") })).rejects.toThrow("does not exist");
  });

  test("is gone once deleted", async () => {
    await cloud.createJob("deleted", "");
    const [operation] = await cloud.jobs.deleteJob({ name: job("deleted") });
    const [deleted] = await operation.promise();
    expect(deleted.deleteTime).toBeTruthy();
    await expect(cloud.jobs.getJob({ name: job("deleted") })).rejects.toThrow(
      "Resource 'deleted' of kind 'JOB' in region 'europe-west1' in project 'corral-local' does not exist.",
    );
  });

  test("is not deleted by a caller who holds an older version of it", async () => {
    const { etag } = await cloud.createJob("raced", "");
    await (await cloud.jobs.updateJob({ job: { name: job("raced"), template } }))[0].promise();
    await expect(cloud.jobs.deleteJob({ name: job("raced"), etag })).rejects.toThrow("etag");
  });

  test("is refused without a container, with more retries than ten, and with a secret that nobody keeps", async () => {
    const create = (taskTemplate: object) =>
      cloud.jobs.createJob({ parent: LOCATION, jobId: "refused", job: { template: { template: taskTemplate } } });
    await expect(create({ containers: [] })).rejects.toThrow("containers");
    await expect(create({ ...template.template, maxRetries: 11 })).rejects.toThrow("maxRetries");
    const env = [{ name: "KEY", valueSource: { secretKeyRef: { secret: "key", version: "latest" } } }];
    await expect(create({ containers: [{ image: "test", env }] })).rejects.toThrow("Secret Manager");
  });
});

test("jobs are listed newest first, page by page", async () => {
  const ids = ["listed-1", "listed-2", "listed-3"];
  for (const id of ids) await cloud.createJob(id, "");
  const [first, , reply] = await cloud.jobs.listJobs({ parent: LOCATION, pageSize: 2 }, { autoPaginate: false });
  expect(first.map((each) => each.name)).toEqual([job("listed-3"), job("listed-2")]);
  const pageToken = reply?.nextPageToken ?? "";
  const request = { parent: LOCATION, pageSize: 1, pageToken };
  const [second] = await cloud.jobs.listJobs(request, { autoPaginate: false });
  expect(second.map((each) => each.name)).toEqual([job("listed-1")]);
  await expect(
    cloud.jobs.listJobs({ parent: LOCATION, pageToken: "made-up" }, { autoPaginate: false }),
  ).rejects.toThrow("page_token");
});

describe("a caller", () => {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

  test("whose token another key signed is not let in", async () => {
    const credentials = { ...cloud.serviceAccount, private_key: privateKey };
    const stranger = new JobsClient({ ...cloud.address, projectId: "corral-local", credentials });
    await expect(stranger.listJobs({ parent: LOCATION })).rejects.toMatchObject({ code: 401 });
    await stranger.close();
  });

  test("without a token is not let in", async () => {
    const reply = await fetch(`${cloud.url}/v2/${LOCATION}/jobs`);
    expect(reply.status).toBe(401);
    expect(await reply.json()).toMatchObject({ error: { code: 401, status: "UNAUTHENTICATED", details: [] } });
  });

  test("is refused another project", async () => {
    const parent = "projects/another/locations/europe-west1";
    await expect(cloud.jobs.listJobs({ parent })).rejects.toMatchObject({ code: 403 });
  });
});
