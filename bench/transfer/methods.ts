import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Bucket } from "@google-cloud/storage";
import { HttpClient } from "../../jobs/kaggle-to-gcs/http-client.ts";
import { Source } from "../../jobs/kaggle-to-gcs/source.ts";
import { storeArchive } from "../../jobs/kaggle-to-gcs/store-archive.ts";
import type { Kaggle } from "../../shared/cloud/kaggle.ts";

export interface MethodInput {
  kaggle: Kaggle;
  bucket: Bucket;
  ref: string;
  connections: number;
}

/** A way to get an archive from Kaggle into the bucket. */
export type Method = (input: MethodInput) => Promise<void>;

const signal = new AbortController().signal;
const http = new HttpClient();
const nothing = () => undefined;

export const METHODS = { ours, pipe, disk, drain } satisfies Record<string, Method>;
export type MethodName = keyof typeof METHODS;

/** The job's own transfer: ranges side by side, composed, proven. */
async function ours({ kaggle, bucket, ref, connections }: MethodInput): Promise<void> {
  await storeArchive({
    ref,
    version: 1,
    bucket,
    source: new Source({ http, requestUrl: () => kaggle.requestDownload(ref, 1, signal), signal }),
    folder: "tmp/bench/1/",
    connections,
    maxBytes: Number.POSITIVE_INFINITY,
    // The stand-in tells a CRC32C, so that no MD5 is ever computed.
    md5Worker: new URL("file:///not-needed"),
    watch: {
      onTransfer: async () => undefined,
      onFound: nothing,
      onBytes: nothing,
      onProof: nothing,
      onCompose: nothing,
    },
    signal,
  });
}

/** One GET piped into one upload. */
async function pipe({ kaggle, bucket, ref }: MethodInput): Promise<void> {
  await pipeline(await open(kaggle, ref), bucket.file("raw/pipe.zip").createWriteStream({ resumable: false }));
}

/** What the first version of this agent did: download to disk, then upload from there. */
async function disk({ kaggle, bucket, ref }: MethodInput): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "corral-bench-disk-"));
  try {
    const file = join(folder, "archive.zip");
    await pipeline(await open(kaggle, ref), createWriteStream(file));
    await pipeline(createReadStream(file), bucket.file("raw/disk.zip").createWriteStream({ resumable: false }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the source can give at most: the same ranges side by side, thrown away. */
async function drain({ kaggle, ref, connections }: MethodInput): Promise<void> {
  const url = await kaggle.requestDownload(ref, 1, signal);
  const probe = await http.get(url, { range: "bytes=0-0" }, signal);
  const bytes = Number(probe.headers["content-range"]?.split("/")[1]);
  probe.resume();
  const share = Math.ceil(bytes / connections);
  const ranges = Array.from({ length: connections }, (_, index) => [
    index * share,
    Math.min((index + 1) * share, bytes),
  ]);
  await Promise.all(
    ranges.map(async ([start = 0, end = 0]) => {
      const reply = await http.get(url, { range: `bytes=${start}-${end - 1}` }, signal);
      reply.resume();
      await new Promise((resolve, reject) => reply.once("end", resolve).once("error", reject));
    }),
  );
}

async function open(kaggle: Kaggle, ref: string): Promise<IncomingMessage> {
  return http.get(await kaggle.requestDownload(ref, 1, signal), {}, signal);
}
