const MIB = 1024 * 1024;
const SMALLEST_PART = 8 * MIB;
const LARGEST_PART = 256 * MIB;
/** Below this a part's round trips weigh more than what finer parts save after an interruption. */
const COMFORTABLE_PART = 32 * MIB;
/** Sources of one compose call, by Cloud Storage's rule. */
export const COMPOSE_LIMIT = 32;

/** Bytes [start, end) of the archive, and the name's last segment. */
export interface PlannedPart {
  name: string;
  start: number;
  end: number;
}

/**
 * Divides an archive into equal parts (the last is shorter): enough to keep every connection busy, few enough for one
 * compose call while parts stay under 256 MiB, and the same for every attempt, so that parts can be found again.
 */
export function planParts(bytes: number, connections: number, partBytes = choosePartBytes(bytes, connections)) {
  const count = Math.max(1, Math.ceil(bytes / partBytes));
  return Array.from({ length: count }, (_, index): PlannedPart => {
    const start = index * partBytes;
    const name = `part-${String(index + 1).padStart(5, "0")}`;
    return { name, start, end: Math.min(start + partBytes, bytes) };
  });
}

export function choosePartBytes(bytes: number, connections: number): number {
  const perConnection = clamp(Math.ceil(bytes / connections), SMALLEST_PART, COMFORTABLE_PART);
  const perCompose = clamp(Math.ceil(bytes / COMPOSE_LIMIT), perConnection, LARGEST_PART);
  return Math.ceil(perCompose / MIB) * MIB;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
