import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { z } from "zod";
import { callRpc, getBlob, requestDownload } from "./call-kaggle.ts";

const firstLine = z.object({ url: z.url() });

function start(...options: string[]): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", "local/kaggle/main.ts", ...options], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function lineOf(stream: NodeJS.ReadableStream | null, wanted: RegExp): Promise<string> {
  if (stream === null) throw new Error("The stream is not piped");
  for await (const line of createInterface(stream)) if (wanted.test(line)) return line;
  throw new Error(`No line matches ${wanted}`);
}

test("alone, it serves synthetic datasets to the user it was given, until SIGTERM", async () => {
  const child = start("--synthetic", "labs/bytes:5000", "--md5", "--user", "ada:ada-key", "--latency-ms", "1");
  const exited = once(child, "exit");
  try {
    const { url } = firstLine.parse(JSON.parse(await lineOf(child.stdout, /^\{/)));
    const authorization = `Basic ${Buffer.from("ada:ada-key").toString("base64")}`;
    const found = await callRpc(url, "ListDatasets", { search: "synthetic" }, { authorization });
    expect(await found.json()).toMatchObject({ datasets: [{ ref: "labs/bytes", totalBytes: 5000 }] });
    const blob = await getBlob(await requestDownload(url, "labs/bytes"));
    expect(blob.headers.get("x-goog-hash")).toMatch(/^crc32c=.+,md5=.+$/);
    expect(await blob.arrayBuffer()).toHaveProperty("byteLength", 5000);
  } finally {
    child.kill("SIGTERM");
  }
  expect(await exited).toEqual([0, null]);
});

test("alone, it names an option that makes no sense", async () => {
  const child = start("--synthetic", "labs/bytes:many");
  const exited = once(child, "exit");
  expect(await lineOf(child.stderr, /^Error: /)).toContain(
    '--synthetic owner/slug:bytes takes whole numbers, not "many".',
  );
  expect(await exited).toEqual([1, null]);
});
