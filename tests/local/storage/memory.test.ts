import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Storage } from "@google-cloud/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ServerProcess } from "./server-process.ts";

const MIB = 1 << 20;
const BLOCK = Buffer.alloc(MIB, "corral");

let folder: string;
let server: ServerProcess;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "corral-storage-memory-"));
  server = await ServerProcess.start(folder);
});
afterEach(async () => {
  await server.kill();
  await rm(folder, { recursive: true });
});

function* blocks(count: number) {
  for (let sent = 0; sent < count; sent++) yield BLOCK;
}

test("memory does not grow with the size of what passes through", async () => {
  const [bucket] = await new Storage({ apiEndpoint: server.url, projectId: "p" }).createBucket("memory");
  const pass = async (mebibytes: number) => {
    const file = bucket.file(`${mebibytes} MiB`);
    await pipeline(blocks(mebibytes), file.createWriteStream({ resumable: false, validation: false }));
    let bytes = 0;
    const sink = new Writable({
      write(chunk: Buffer, _, done) {
        bytes += chunk.length;
        done();
      },
    });
    await pipeline(file.createReadStream({ validation: false }), sink);
    expect(bytes).toBe(mebibytes * MIB);
    return server.peakMebibytes();
  };
  await pass(32);
  const before = await pass(32);
  expect((await pass(512)) - before).toBeLessThan(128);
});
