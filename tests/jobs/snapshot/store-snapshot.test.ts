import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bucket } from "@google-cloud/storage";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { nativeCrc32c } from "../../../jobs/native-crc32c.ts";
import { downloadSnapshot } from "../../../jobs/snapshot/download-snapshot.ts";
import { uploadSnapshot } from "../../../jobs/snapshot/upload-snapshot.ts";
import { openBucket } from "../../../shared/cloud/storage.ts";
import { type Served, serveStorage } from "../../local/storage/serve-storage.ts";
import { openScratch, type Scratch, UNSTOPPED } from "./open-scratch.ts";

let served: Served;
let bucket: Bucket;
let scratch: Scratch;
let folder: string;
let count = 0;
beforeAll(async () => {
  served = await serveStorage();
  await served.bucket("corral-data");
  bucket = openBucket({ name: "corral-data", endpoint: served.url, crc32c: nativeCrc32c });
  scratch = await openScratch();
});
afterAll(async () => {
  await scratch.close();
  await served.close();
});

/** More than one chunk of an upload, and more than one range of a download. */
const TABLE = Buffer.alloc(70 * 1024 * 1024, "0123456789abcdefghijklmnopqrstuvwxyz!");

beforeEach(async () => {
  folder = `snapshots/PUBLIC/T%20%2F/00000000${++count}-a3f0`;
  await writeFile(scratch.path("table.duckdb"), TABLE);
  for (const name of ["sample", "profile", "certificate"])
    await writeFile(scratch.path(`${name}.json`), `{"is":"${name}"}`);
});

const upload = (signal = UNSTOPPED, onBytes?: (count: number) => void) =>
  uploadSnapshot({ bucket, folder, dir: scratch.dir, signal, ...(onBytes && { onBytes }) });
const download = (options: object = {}) =>
  downloadSnapshot({ bucket, folder, path: scratch.path("again.duckdb"), signal: UNSTOPPED, ...options });

/** Changes a byte where the server keeps a content. */
async function rot(content: string): Promise<void> {
  const entries = await readdir(served.dir, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    const at = bytes.lastIndexOf(content);
    if (at < 0) continue;
    bytes[at] = 0;
    await writeFile(path, bytes);
  }
}

describe("a snapshot that is uploaded", () => {
  test("is in the bucket byte for byte, and may be cached for ever", async () => {
    let sent = 0;
    const { bytes } = await upload(UNSTOPPED, (moved) => {
      sent += moved;
    });
    expect(bytes).toBe(TABLE.length + '{"is":"sample"}{"is":"profile"}{"is":"certificate"}'.length);
    expect(sent).toBe(bytes);
    const [files] = await bucket.getFiles({ prefix: `${folder}/` });
    expect(files.map(({ name, metadata }) => [name.slice(folder.length + 1), metadata.contentType])).toEqual([
      ["certificate.json", "application/json"],
      ["profile.json", "application/json"],
      ["sample.json", "application/json"],
      ["table.duckdb", "application/octet-stream"],
    ]);
    for (const { metadata } of files) expect(metadata.cacheControl).toBe("private, max-age=31536000, immutable");
    const fetched = await download();
    expect(fetched).toEqual({ bytes: TABLE.length });
    expect((await readFile(scratch.path("again.duckdb"))).equals(TABLE)).toBe(true);
  });

  test("is there once, however often the same bytes are", async () => {
    await upload();
    const generations = async () =>
      (await bucket.getFiles({ prefix: folder }))[0].map(({ metadata }) => metadata.generation);
    const before = await generations();
    let sent = 0;
    await upload(UNSTOPPED, (moved) => {
      sent += moved;
    });
    expect(await generations()).toEqual(before);
    expect(sent).toBe(0);
  });

  test("is not overwritten with other bytes of the same length", async () => {
    await upload();
    await writeFile(scratch.path("sample.json"), '{"is":"Sample"}');
    await expect(upload()).rejects.toMatchObject({
      code: "storage_contended",
      retryable: true,
      message: `gs://corral-data/${folder}/sample.json is there already, with other bytes. A snapshot is never overwritten.`,
    });
    const [content] = await bucket.file(`${folder}/sample.json`).download();
    expect(content.toString()).toBe('{"is":"sample"}');
  });

  test("that is stopped leaves no half of a file", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    await expect(upload(stop.signal, () => stop.abort(reason))).rejects.toThrow();
    const [files] = await bucket.getFiles({ prefix: folder });
    expect(files).toEqual([]);
  });
});

describe("a snapshot that is downloaded", () => {
  test("may be any of its files", async () => {
    await upload();
    await download({ name: "profile.json", path: scratch.path("p.json") });
    expect(await readFile(scratch.path("p.json"), "utf8")).toBe('{"is":"profile"}');
  });

  test("that is not there cannot be read, and that will not change", async () => {
    await expect(download({ path: scratch.path("none") })).rejects.toMatchObject({
      code: "snapshot_unreadable",
      retryable: false,
      message: `gs://corral-data/${folder}/table.duckdb is not there.`,
    });
    expect(await readdir(scratch.dir)).not.toContain("none");
  });

  test("is refused when other bytes arrive than were stored, and leaves nothing behind", async () => {
    const marker = `{"is":"the one of ${folder}"}`;
    await writeFile(scratch.path("profile.json"), marker);
    await upload();
    await rot(marker);
    const path = scratch.path("rotten.json");
    await expect(download({ name: "profile.json", path })).rejects.toMatchObject({
      ...{ code: "snapshot_unreadable", retryable: true },
      message: `gs://corral-data/${folder}/profile.json arrived with other bytes than are stored.`,
    });
    expect((await readdir(scratch.dir)).filter((name) => name.startsWith("rotten"))).toEqual([]);
  });

  test("that is stopped leaves nothing behind", async () => {
    await upload();
    const stop = new AbortController();
    const reason = new Error("enough");
    const path = scratch.path("stopped.duckdb");
    await expect(download({ path, signal: stop.signal, onBytes: () => stop.abort(reason) })).rejects.toBe(reason);
    expect((await readdir(scratch.dir)).filter((name) => name.startsWith("stopped"))).toEqual([]);
  });
});
