import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFile, mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Storage } from "@google-cloud/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ServerProcess } from "./server-process.ts";

let folder: string;
let server: ServerProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "corral-storage-crash-"));
});
afterEach(async () => {
  await server?.kill();
  await rm(folder, { recursive: true });
});

/** Kills the server, if there is one, and starts one on the same folder; resolves to a client of it. */
async function restart() {
  await server?.kill();
  server = await ServerProcess.start(folder);
  return new Storage({ apiEndpoint: server.url, projectId: "p", retryOptions: { autoRetry: false } }).bucket("crash");
}

const segments = () => readdir(join(folder, "data", "segments"));

test("a kill in the middle of writes leaves each object whole: the old or the new, whatever was answered for sure", async () => {
  const contents = (name: string, round: number) =>
    createHash("sha512").update(`${name} ${round}`).digest("hex").repeat(20_000);
  const names = ["a", "b", "c", "d"];
  await (await restart()).create();
  const answered = new Map<string, number>();
  for (let crash = 1; crash <= 2; crash++) {
    const bucket = await restart();
    let writes = 0;
    // Each name is overwritten round after round, until the server dies after so many answers.
    const work = names.map(async (name) => {
      for (let round = (answered.get(name) ?? 0) + 1; ; round++) {
        const outcome = await bucket
          .file(name)
          .save(contents(name, round), { resumable: round % 2 === 0, validation: false })
          .then(
            () => "answered",
            () => "broken",
          );
        if (outcome === "broken") return round;
        answered.set(name, round);
        if (++writes === 5 + crash) void server?.kill();
      }
    });
    const unanswered = await Promise.all(work);
    const after = await restart();
    for (const [index, name] of names.entries()) {
      const old = answered.get(name) ?? 0;
      const [content] = await after.file(name).download();
      const found = [old, unanswered[index] ?? old].find((round) => contents(name, round) === String(content));
      expect(found, `${name} after round ${old}`).toBeDefined();
      answered.set(name, found ?? old);
    }
    const [files] = await after.getFiles();
    expect(files.map(({ name }) => name)).toEqual(names);
  }
});

test("a kill in the middle of an upload keeps its bytes, and files of broken ones are swept away", async () => {
  const bytes = randomBytes(1 << 20);
  let bucket = await restart();
  await bucket.create();
  const [uri] = await bucket.file("resumed").createResumableUpload();
  await fetch(uri, {
    method: "PUT",
    headers: { "content-range": `bytes 0-${bytes.length / 2 - 1}/*` },
    body: bytes.subarray(0, bytes.length / 2),
    redirect: "manual",
  });
  // A multipart upload that never ends; its segment is there once the server has taken some of it.
  const broken = bucket.file("broken").createWriteStream({ resumable: false });
  const failed = once(broken, "error");
  broken.write(randomBytes(4 << 20));
  while ((await segments()).length < 2) await new Promise(setImmediate);
  bucket = await restart();
  await failed;
  expect(await segments()).toHaveLength(1);
  const port = new URL(bucket.storage.apiEndpoint).port;
  const moved = uri.replace(/:\d+\//, `:${port}/`);
  const rest = bytes.subarray(bytes.length / 2);
  const last = await fetch(moved, {
    method: "PUT",
    headers: { "content-range": `bytes ${bytes.length / 2}-${bytes.length - 1}/${bytes.length}` },
    body: rest,
  });
  expect(await last.json()).toMatchObject({ md5Hash: createHash("md5").update(bytes).digest("base64") });
  expect(await bucket.file("broken").exists()).toEqual([false]);
});

test("a torn last line of the journal is as if it never was", async () => {
  const bucket = await restart();
  await bucket.create();
  await bucket.file("kept").save("kept", { resumable: false });
  await server?.kill();
  const journal = join(folder, "data", "journal.jsonl");
  const line = (await readFile(journal, "utf8")).trim().split("\n").at(-1) ?? "";
  await appendFile(journal, line.replaceAll("kept", "torn").slice(0, -20));
  const after = await restart();
  expect((await after.getFiles())[0].map(({ name }) => name)).toEqual(["kept"]);
  await after.file("next").save("next", { resumable: false });
  expect((await after.getFiles())[0].map(({ name }) => name)).toEqual(["kept", "next"]);
});

test("an object whose bytes a power cut took is gone as a whole; what it was composed into as well", async () => {
  const bucket = await restart();
  await bucket.create();
  for (const name of ["whole", "short"]) await bucket.file(name).save(name.repeat(1000), { resumable: false });
  await bucket.combine(["whole", "short"], "both");
  await server?.kill();
  const journal = await readFile(join(folder, "data", "journal.jsonl"), "utf8");
  const id = /"name":"short".*?"segments":\[\{"id":"([^"]+)"/.exec(journal)?.[1] ?? "";
  await truncate(join(folder, "data", "segments", id), 10);
  const after = await restart();
  expect((await after.getFiles())[0].map(({ name }) => name)).toEqual(["whole"]);
  expect(String((await after.file("whole").download())[0])).toBe("whole".repeat(1000));
});
