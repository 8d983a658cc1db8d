import { pipeline } from "node:stream/promises";
import type { File } from "@google-cloud/storage";
import { gsUrl } from "../../shared/cloud/object-url.ts";
import { JobFailure } from "../job-failure.ts";
import { toStorageFailure } from "../storage-failure.ts";

const CHUNK_BYTES = 8 * 1024 * 1024;

/**
 * Streams a result into its object, which appears when it is whole; the SDK compares checksums, and sends a chunk again
 * that did not arrive. Resolves to the object's gs:// URL.
 */
export async function storeResult(
  file: File,
  content: AsyncIterable<Uint8Array>,
  { contentType, signal }: { contentType: string; signal: AbortSignal },
): Promise<string> {
  const sink = file.createWriteStream({
    resumable: true,
    chunkSize: CHUNK_BYTES,
    validation: "crc32c",
    metadata: { contentType },
  });
  // What the content throws is told apart from what the bucket does.
  let fault: unknown;
  async function* watched() {
    try {
      yield* content;
    } catch (error) {
      fault = error;
      throw error;
    }
  }
  try {
    await pipeline(watched, sink, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (fault !== undefined) throw fault;
    throw error instanceof JobFailure ? error : toStorageFailure(error, file.bucket.name);
  }
  return gsUrl({ bucket: file.bucket.name, object: file.name });
}
