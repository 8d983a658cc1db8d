import { createReadStream } from "node:fs";
import { crc32c } from "@node-rs/crc32";
import { encodeCrc32c } from "../../shared/cloud/crc32c.ts";

const CHUNK_BYTES = 1024 * 1024;

/** A file's CRC32C, as Cloud Storage writes it. */
export async function fileCrc32c(path: string, signal: AbortSignal): Promise<string> {
  let checksum = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES, signal }))
    checksum = crc32c(chunk, checksum);
  return encodeCrc32c(checksum);
}
