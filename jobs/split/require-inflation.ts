import { JobFailure } from "../job-failure.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** No data may be larger, inflated. */
export const MAX_DATA_BYTES = 1024 * GIB;
/** Tables shrink to a tenth, the dullest ones to a hundredth; what shrinks to less was made to be a burden. */
const MAX_RATIO = 250;
/** Less than this is no burden, however small it was. */
const HARMLESS_BYTES = 256 * MIB;

/** Refuses compressed data that grows out of all proportion. */
export function requireInflation(name: string, inflated: number, compressed: number): void {
  if (inflated > MAX_DATA_BYTES)
    throw new JobFailure("data_too_large", `Cannot split ${name}: it holds more than ${MAX_DATA_BYTES / GIB} GiB.`);
  if (inflated <= HARMLESS_BYTES || inflated / compressed <= MAX_RATIO) return;
  const factor = Math.floor(inflated / compressed);
  const message = `Cannot split ${name}: it grows to the ${factor}-fold when inflated, more than the ${MAX_RATIO}-fold that is allowed. Store it uncompressed.`;
  throw new JobFailure("data_too_large", message);
}
