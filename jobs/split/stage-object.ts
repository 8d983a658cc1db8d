import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Bucket } from "@google-cloud/storage";
import { JobFailure } from "../job-failure.ts";
import { isPreconditionFailed, toStorageFailure } from "../storage-failure.ts";
import { type DataObject, findObject } from "./data-object.ts";

export interface StageOptions {
  bucket: Bucket;
  /** The object's name. */
  name: string;
  /** What the bytes are; an object that says the same of itself holds the same. */
  identity: string;
  /** Called when the bytes are not there yet; `title` is what they are called where they come from. */
  fetch: () => Promise<{ title: string; bytes: AsyncIterable<Buffer> }>;
  signal: AbortSignal;
}

export interface StagedObject {
  title: string;
  object: DataObject;
}

const PART_BYTES = 8 * 1024 * 1024;

/** Makes the bucket hold bytes that can only be had from their start, so that they can be read from anywhere. */
export async function stageObject(options: StageOptions): Promise<StagedObject> {
  const { bucket, name, identity } = options;
  const mark = createHash("sha256").update(identity).digest("hex");
  const existing = await findObject(bucket, name);
  if (existing !== undefined && existing.notes.staged === mark) return toStaged(existing);
  const { title, bytes } = await options.fetch();
  const metadata = { metadata: { staged: mark, title } };
  await store(options, bytes, metadata, existing?.generation ?? "0");
  const staged = await findObject(bucket, name);
  if (staged?.notes.staged === mark) return toStaged(staged);
  const message = `gs://${bucket.name}/${name} was written by somebody else meanwhile.`;
  throw new JobFailure("storage_contended", message, { retryable: true });
}

async function store(
  { bucket, name, signal }: StageOptions,
  bytes: AsyncIterable<Buffer>,
  metadata: { metadata: Record<string, string> },
  ifGenerationMatch: string,
): Promise<void> {
  const sink = bucket.file(name).createWriteStream({
    resumable: true,
    chunkSize: PART_BYTES,
    validation: "crc32c",
    metadata,
    preconditionOpts: { ifGenerationMatch },
  });
  try {
    await pipeline(Readable.from(bytes, { objectMode: false }), sink, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof JobFailure) throw error;
    // Another attempt was faster; whoever looks finds out with what.
    if (!isPreconditionFailed(error)) throw toStorageFailure(error, bucket.name);
  }
}

function toStaged(object: DataObject): StagedObject {
  return { title: String(object.notes.title ?? object.file.name), object };
}
