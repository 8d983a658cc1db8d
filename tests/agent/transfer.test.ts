import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeError } from "../../agent/log.ts";
import { downloadFile } from "../../agent/transfer.ts";

let folder: string;
let answer: RequestListener;
let requests: number;
const server = createServer((request, response) => {
  requests++;
  answer(request, response);
});

beforeEach(async () => {
  requests = 0;
  folder = await mkdtemp(join(tmpdir(), "corral-transfer-"));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  await rm(folder, { recursive: true });
});

const urlOf = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
const download = (url: string, maxBytes = 1000, signal = new AbortController().signal) =>
  downloadFile({ url, path: join(folder, "file"), maxBytes, signal });
const failureOf = (work: Promise<unknown>) => work.then(() => "no failure", describeError);

test("a file that says that it is too large is not read", async () => {
  answer = (_request, response) => response.writeHead(200, { "content-length": "1001" }).end(Buffer.alloc(1001));
  expect(await failureOf(download(urlOf("/data.csv?signature=secret")))).toBe(
    `Cannot download ${urlOf("/data.csv")}: it has more than 1000 bytes.`,
  );
  expect(requests).toBe(1);
});

test("a file that is too large without saying so is read no further", async () => {
  answer = (_request, response) => {
    const write = () => response.destroyed || response.write(Buffer.alloc(500), () => setImmediate(write));
    write();
  };
  expect(await failureOf(download(urlOf("/data.csv")))).toContain("it has more than 1000 bytes.");
});

test("a file that breaks off is begun again", async () => {
  answer = (_request, response) => {
    response.writeHead(200, { "content-length": "8" });
    if (requests > 1) response.end("complete");
    else response.write("comp", () => response.destroy());
  };
  await download(urlOf("/data.csv"));
  expect(await readFile(join(folder, "file"), "utf8")).toBe("complete");
  expect(requests).toBe(2);
});

test("a refusal is not asked twice", async () => {
  answer = (_request, response) => response.writeHead(403).end();
  expect(await failureOf(download(urlOf("/data.csv")))).toBe(`Cannot download ${urlOf("/data.csv")}: answered 403`);
  expect(requests).toBe(1);
});

test.each(["file:///etc/passwd", "data:text/csv,x", "gs://bucket/data.csv"])("%s is not fetched", async (url) => {
  expect(await failureOf(download(url))).toBe(`Cannot download ${url}: only http and https are spoken.`);
});

test("an abort ends a download that hangs, with its own reason", async () => {
  const aborted = new AbortController();
  answer = () => aborted.abort(new Error("enough"));
  await expect(download(urlOf("/data.csv"), 1000, aborted.signal)).rejects.toThrow("enough");
});
