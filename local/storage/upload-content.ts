import type { Md5Hasher } from "./md5-hasher.ts";
import type { ExpectedHashes, ObjectRecord, ObjectSettings, Preconditions } from "./records.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { checkHashes, type Store } from "./store.ts";

export interface Content {
  bucket: string;
  name: string;
  settings: ObjectSettings;
  preconditions: Preconditions;
  expected: ExpectedHashes;
}

/** Stores a body that arrives in one request: as a new generation, or not at all. */
export async function uploadContent(
  store: Store,
  hasher: Md5Hasher | undefined,
  { expected, ...object }: Content,
  body: AsyncIterable<Buffer>,
  checkSize: (size: number) => void = () => undefined,
): Promise<ObjectRecord> {
  store.checkWrite(object.bucket, object.name, object.preconditions);
  const id = store.segments.create();
  try {
    const writer = await SegmentWriter.open(store.segments, hasher, id);
    try {
      for await (const chunk of body) await writer.write(chunk);
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    const { size, crc32c, md5Hash } = await writer.finish();
    checkSize(size);
    checkHashes(expected, { crc32c, md5Hash });
    return await store.putObject({ ...object, size, crc32c, md5Hash, segments: [{ id, size }] });
  } finally {
    // From here on the object holds its segment, if there is one.
    store.segments.release([{ id }]);
  }
}
