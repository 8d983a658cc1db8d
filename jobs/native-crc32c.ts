import type { CRC32CValidator } from "@google-cloud/storage";
import { crc32c } from "@node-rs/crc32";
import { encodeCrc32c } from "../shared/cloud/crc32c.ts";

/** CRC32C at memory speed, in the shape that the storage SDK asks of its `crc32cGenerator`. */
export function nativeCrc32c(): CRC32CValidator {
  let checksum = 0;
  return {
    update: (data: Buffer) => {
      checksum = crc32c(data, checksum);
    },
    validate: (other: unknown) => String(other) === encodeCrc32c(checksum),
    toString: () => encodeCrc32c(checksum),
  };
}
