import type { Bucket, File, FileMetadata } from "@google-cloud/storage";
import { z } from "zod";
import { isNotFound, isPreconditionFailed, toStorageFailure } from "../storage-failure.ts";
import { COMPOSE_LIMIT } from "./plan-parts.ts";

export interface Composed {
  /** The object that was made, if it was. */
  object: FileMetadata | undefined;
  /** Objects that were made on the way. */
  groups: File[];
}

const composedObject = z.object({ generation: z.string(), size: z.string(), crc32c: z.string() });

/**
 * Joins parts, in order, into an object that must not exist yet; more than 32 by way of groups beside the parts. Makes
 * nothing when that object exists, or when a part is gone: another attempt, or another run, was faster.
 */
export async function composeParts(bucket: Bucket, parts: File[], destination: File): Promise<Composed> {
  const groups: File[] = [];
  let level = parts;
  try {
    while (level.length > COMPOSE_LIMIT) {
      level = await composeGroups(bucket, level);
      groups.push(...level);
    }
    const [, reply] = await bucket.combine(level, destination, { ifGenerationMatch: 0 });
    return { object: composedObject.parse(reply), groups };
  } catch (error) {
    if (isPreconditionFailed(error) || isNotFound(error)) return { object: undefined, groups };
    throw toStorageFailure(error, bucket.name);
  }
}

async function composeGroups(bucket: Bucket, files: File[]): Promise<File[]> {
  const groups: File[] = [];
  for (let start = 0; start < files.length; start += COMPOSE_LIMIT) {
    const sources = files.slice(start, start + COMPOSE_LIMIT);
    const group = bucket.file(`${sources[0]?.name}-group`);
    group.metadata.contentType = "application/octet-stream";
    await bucket.combine(sources, group, { ifGenerationMatch: 0 });
    groups.push(group);
  }
  return groups;
}
