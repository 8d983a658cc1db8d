import type { Compressors } from "hyparquet";
import { compressors } from "hyparquet-compressors";

/** How pages are inflated; those that hold nothing by not being looked at: hyparquet-compressors 1.1.2 refuses an empty LZ4 block. */
export const decompressors: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, inflate]) => [
    codec,
    (input: Uint8Array, size: number) => (size === 0 ? new Uint8Array(0) : inflate(input, size)),
  ]),
);
