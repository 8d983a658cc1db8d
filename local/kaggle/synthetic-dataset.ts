import { createCipheriv, createHash } from "node:crypto";
import { repeatedContent } from "./content.ts";
import type { DatasetSpec } from "./dataset.ts";

export interface SyntheticOptions {
  /** `owner/slug`; also the seed of the bytes. */
  ref: string;
  bytes: number;
  /** Whether `x-goog-hash` names an MD5 too; reading all bytes once takes some seconds per GiB. */
  md5?: boolean;
}

/** A prime near 1 MiB, so that parts which change places at any round offset are noticed. */
const BLOCK_BYTES = 1_048_573;

/** A dataset of any size that takes one block of memory: the same bytes for the same ref, in any process. */
export function syntheticDataset({ ref, bytes, md5 = false }: SyntheticOptions): DatasetSpec {
  const key = createHash("sha256").update(ref).digest().subarray(0, 16);
  const block = createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(BLOCK_BYTES));
  const content = repeatedContent({ block, size: bytes, md5 });
  const title = `Synthetic ${ref.split("/").at(-1)}`;
  return {
    ref,
    title,
    subtitle: `${bytes} bytes made up for measuring`,
    tags: ["synthetic", "benchmark"],
    licenseName: "CC0: Public Domain",
    versions: [
      {
        creationDate: "2024-01-01T00:00:00Z",
        notes: "Initial release",
        files: [{ name: "data.bin", read: async () => content }],
        archive: content,
      },
    ],
  };
}
