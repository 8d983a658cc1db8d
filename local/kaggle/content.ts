import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { crc32c } from "@node-rs/crc32";
import { combineCrc32c, encodeCrc32c } from "../../shared/cloud/crc32c.ts";

/** Checksums as `x-goog-hash` spells them: base64, crc32c big-endian. */
export interface Hashes {
  crc32c: string;
  md5?: string;
}

/** Bytes that can be read from any position without keeping them all. */
export interface Content {
  size: number;
  /** Yields the bytes [start, end) in pieces that are views, not copies. */
  read(start: number, end: number): Iterable<Uint8Array>;
  hashes(): Promise<Hashes>;
}

const PIECE_BYTES = 1024 * 1024;
const HASH_TURN_BYTES = 16 * 1024 * 1024;

/** Content that is in memory. */
export function bufferContent(buffer: Uint8Array): Content {
  let hashes: Hashes | undefined;
  return {
    size: buffer.byteLength,
    *read(start, end) {
      for (let at = start; at < end; at += PIECE_BYTES) yield buffer.subarray(at, Math.min(end, at + PIECE_BYTES));
    },
    async hashes() {
      hashes ??= { crc32c: encodeCrc32c(crc32c(buffer)), md5: createHash("md5").update(buffer).digest("base64") };
      return hashes;
    },
  };
}

export interface RepeatedContentOptions {
  block: Uint8Array;
  size: number;
  /** Whether to know the MD5, which takes a pass over all bytes; Kaggle's composite objects have none. */
  md5?: boolean;
}

/** A block over and over up to a size: any number of bytes out of the memory of one block, its crc32c known at once. */
export function repeatedContent({ block, size, md5 = false }: RepeatedContentOptions): Content {
  function* read(start: number, end: number) {
    let at = start;
    while (at < end) {
      const offset = at % block.byteLength;
      const piece = block.subarray(offset, Math.min(block.byteLength, offset + end - at));
      yield piece;
      at += piece.byteLength;
    }
  }
  async function hash(): Promise<Hashes> {
    const crc = crc32cOfRepeated(block, size);
    return md5 ? { crc32c: crc, md5: await md5Of(read(0, size)) } : { crc32c: crc };
  }
  let hashes: Promise<Hashes> | undefined;
  return {
    size,
    read,
    hashes() {
      hashes ??= hash();
      return hashes;
    },
  };
}

/** Appends runs of 1, 2, 4… blocks where the count has that bit, then the rest. */
function crc32cOfRepeated(block: Uint8Array, size: number): string {
  let crc = encodeCrc32c(0);
  let run = { crc: encodeCrc32c(crc32c(block)), bytes: block.byteLength };
  for (let blocks = Math.floor(size / block.byteLength); blocks > 0; blocks = Math.floor(blocks / 2)) {
    if (blocks % 2 === 1) crc = combineCrc32c(crc, run.crc, run.bytes);
    run = { crc: combineCrc32c(run.crc, run.crc, run.bytes), bytes: run.bytes * 2 };
  }
  const rest = block.subarray(0, size % block.byteLength);
  return combineCrc32c(crc, encodeCrc32c(crc32c(rest)), rest.byteLength);
}

async function md5Of(pieces: Iterable<Uint8Array>): Promise<string> {
  const hash = createHash("md5");
  let sinceTurn = 0;
  for (const piece of pieces) {
    hash.update(piece);
    sinceTurn += piece.byteLength;
    if (sinceTurn < HASH_TURN_BYTES) continue;
    sinceTurn = 0;
    await setImmediate();
  }
  return hash.digest("base64");
}
