import { createHash } from "node:crypto";
import type { Bucket, File } from "@google-cloud/storage";
import { deleteObjects } from "../run-folder.ts";
import { sideBySide } from "../side-by-side.ts";
import { callStorage } from "../storage-failure.ts";
import type { Archive } from "./archive-reply.ts";
import { type PlannedPart, planParts } from "./plan-parts.ts";
import type { Source } from "./source.ts";
import { steadyMemory } from "./steady-memory.ts";
import { type StoredPart, toStoredPart, uploadPart } from "./upload-part.ts";

export interface TransferOptions {
  bucket: Bucket;
  source: Source;
  /** Folder of this run's objects, with a slash at its end, and what an earlier attempt left in it. */
  folder: string;
  leftovers: File[];
  connections: number;
  /** Otherwise it follows from the archive's size. */
  partBytes?: number | undefined;
  /** Counts bytes that an earlier attempt left. */
  onFound: (count: number) => void;
  /** Counts bytes as they move; negative when a part has to be moved again. */
  onBytes: (count: number) => void;
  signal: AbortSignal;
}

/**
 * Brings every part of an archive into the run's folder over several connections side by side, except those that an
 * earlier attempt left there. Settles when all is at rest: after a failure nothing is still being written.
 */
export async function transferParts(archive: Archive, options: TransferOptions): Promise<StoredPart[]> {
  const connections = archive.ranged ? options.connections : 1;
  const planned = planParts(archive.bytes, connections, options.partBytes);
  const folder = `${options.folder}${identify(archive, planned)}/`;
  const stored = await keepParts(planned, folder, options);
  for (const part of stored.values()) options.onFound(part.end - part.start);

  const tidy = steadyMemory();
  const onBytes = (count: number) => {
    tidy(Math.abs(count));
    options.onBytes(count);
  };
  const queue = planned.filter(({ name }) => !stored.has(name));
  await sideBySide(connections, options.signal, async (signal) => {
    const deps = { ...options, onBytes, signal };
    for (let part = queue.shift(); part !== undefined; part = queue.shift())
      stored.set(part.name, await uploadPart(part, folder + part.name, deps));
  });
  return planned.flatMap(({ name }) => stored.get(name) ?? []);
}

/** Names what the parts belong to, so that parts of different bytes or of another division never meet. */
function identify(archive: Archive, planned: PlannedPart[]): string {
  const facts = [archive.bytes, archive.identity, archive.crc32c, archive.md5, planned[0]?.end];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex").slice(0, 16);
}

/** Finds the parts of an earlier attempt; whatever else it left is deleted. */
async function keepParts(planned: PlannedPart[], folder: string, { bucket, leftovers }: TransferOptions) {
  const found = new Map(leftovers.map((file) => [file.name, file]));
  const kept = new Map<string, StoredPart>();
  for (const part of planned) {
    const file = found.get(folder + part.name);
    if (file === undefined || Number(file.metadata.size) !== part.end - part.start) continue;
    kept.set(part.name, toStoredPart(part, file, file.metadata));
    found.delete(file.name);
  }
  await callStorage(bucket, () => deleteObjects([...found.values()]));
  return kept;
}
