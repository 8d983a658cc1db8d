import { randomBytes } from "node:crypto";
import { Storage } from "@google-cloud/storage";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Served, serveStorage } from "../../local/storage/serve-storage.ts";

let served: Served;
beforeAll(async () => {
  served = await serveStorage();
  process.env.STORAGE_EMULATOR_HOST = served.url;
});
afterAll(async () => {
  delete process.env.STORAGE_EMULATOR_HOST;
  await served.close();
});

test("a client that knows only STORAGE_EMULATOR_HOST does all it can do elsewhere", async () => {
  const bucket = new Storage({ projectId: "p" }).bucket("emulated");
  await bucket.create();
  const bytes = randomBytes(600_000);
  await bucket.file("dir/multipart").save(bytes, { resumable: false });
  await bucket.file("dir/resumable").save(bytes, { resumable: true, chunkSize: 256 * 1024 });
  for (const name of ["dir/multipart", "dir/resumable"]) {
    expect((await bucket.file(name).download())[0].equals(bytes)).toBe(true);
  }
  await bucket.combine(["dir/multipart", "dir/resumable"], "dir/both");
  expect((await bucket.file("dir/both").getMetadata())[0].size).toBe("1200000");
  await bucket.file("dir/both").copy("dir/copy");
  await bucket.file("dir/both").setMetadata({ contentType: "a/b" });
  expect((await bucket.getFiles())[0]).toHaveLength(4);
  await bucket.addLifecycleRule({ action: { type: "Delete" }, condition: { age: 1 } });
  await bucket.deleteFiles();
  await bucket.delete();
  expect(await bucket.exists()).toEqual([false]);
});
