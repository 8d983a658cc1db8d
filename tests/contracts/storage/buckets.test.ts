import { afterAll, beforeAll, expect, test } from "vitest";
import { type Served, serveStorage } from "../../local/storage/serve-storage.ts";
import { refusal } from "./refusal.ts";

let served: Served;
beforeAll(async () => {
  served = await serveStorage();
});
afterAll(() => served.close());

test("a bucket is created once, is there, and goes when it is empty", async () => {
  const bucket = served.connect().bucket("made-here");
  expect(await bucket.exists()).toEqual([false]);
  expect(await refusal(bucket.getMetadata())).toBe(404);
  await bucket.create({ location: "EUROPE-WEST1", labels: { team: "data" } });
  expect(await bucket.exists()).toEqual([true]);
  expect(await refusal(bucket.create())).toBe(409);
  const [metadata] = await bucket.getMetadata();
  expect(metadata).toMatchObject({
    kind: "storage#bucket",
    name: "made-here",
    location: "EUROPE-WEST1",
    labels: { team: "data" },
    storageClass: "STANDARD",
    metageneration: "1",
  });
  await bucket.file("in the way").save("x");
  expect(await refusal(bucket.delete())).toBe(409);
  await bucket.deleteFiles();
  await bucket.delete();
  expect(await bucket.exists()).toEqual([false]);
});

test("an object in a bucket that is not there is not found", async () => {
  const file = served.connect().bucket("not-here").file("x");
  expect(await refusal(file.save("x", { resumable: false }))).toBe(404);
  expect(await refusal(file.save("x", { resumable: true }))).toBe(404);
  expect(await refusal(file.download())).toBe(404);
  expect(await refusal(served.connect().bucket("not-here").getFiles())).toBe(404);
});

test.each(["ab", "Upper", "under/slash", "-dash", "dash-", "goog-name", "a..b", "x".repeat(64)])(
  "%j cannot name a bucket",
  async (name) => {
    const create = fetch(`${served.url}/storage/v1/b?project=p`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
    expect((await create).status).toBe(400);
  },
);

test("lifecycle rules are what was added, and can be taken away", async () => {
  const bucket = await served.bucket("lifecycle");
  await bucket.addLifecycleRule({ action: { type: "Delete" }, condition: { age: 1, matchesPrefix: ["tmp/"] } });
  await bucket.addLifecycleRule({ action: { type: "AbortIncompleteMultipartUpload" }, condition: { age: 7 } });
  expect((await bucket.getMetadata())[0].lifecycle?.rule).toEqual([
    { action: { type: "Delete" }, condition: { age: 1, matchesPrefix: ["tmp/"] } },
    { action: { type: "AbortIncompleteMultipartUpload" }, condition: { age: 7 } },
  ]);
  await bucket.setMetadata({ lifecycle: null });
  expect((await bucket.getMetadata())[0].lifecycle).toBeUndefined();
});

test("CORS rules and labels are merged into what was there", async () => {
  const bucket = await served.bucket("settings");
  const cors = [{ origin: ["https://corral.example"], method: ["GET"], responseHeader: ["etag"], maxAgeSeconds: 60 }];
  await bucket.setCorsConfiguration(cors);
  await bucket.setLabels({ a: "1", b: "2" });
  await bucket.deleteLabels("b");
  const [metadata] = await bucket.getMetadata();
  expect(metadata).toMatchObject({ cors, labels: { a: "1" }, metageneration: "4" });
});

test("what would be stored but not honoured is refused", async () => {
  const bucket = await served.bucket("versions");
  expect(await refusal(bucket.setMetadata({ versioning: { enabled: true } }))).toBe(501);
});

test("buckets are listed by name, also in pages", async () => {
  for (const name of ["list-b", "list-c", "list-a"]) await served.bucket(name);
  const [all] = await served.connect().getBuckets({ prefix: "list-" });
  expect(all.map(({ name }) => name)).toEqual(["list-a", "list-b", "list-c"]);
  const [paged] = await served.connect().getBuckets({ prefix: "list-", maxResults: 2, autoPaginate: false });
  expect(paged.map(({ name }) => name)).toEqual(["list-a", "list-b"]);
});
