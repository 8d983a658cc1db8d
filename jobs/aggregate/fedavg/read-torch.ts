import { JobFailure } from "../../job-failure.ts";
import type { ResultFile } from "../result-file.ts";
import { flatten, type Leaf } from "./flatten.ts";
import { NUMBER_BYTES } from "./number-types.ts";
import type { PickleStorage } from "./pickle-values.ts";
import { unpickle } from "./unpickle.ts";
import { readZipRecords, type ZipRecord } from "./zip-records.ts";

/** A storage's place in its file. */
export interface PlacedStorage extends PickleStorage {
  /** The byte where it begins. */
  start: number;
}

export interface TorchFile {
  /** The folder that all records are in, which torch.save names after the file. */
  folder: string;
  pickle: Buffer;
  storages: Map<string, PlacedStorage>;
  /** What the saved object consists of, by where it is. */
  leaves: Map<string, Leaf>;
}

const LARGEST_PICKLE = 64 * 1024 * 1024;
const PICKLE = "/data.pkl";

/** Reads what torch.save wrote: its pickle without executing it, and where its storages are without reading them. */
export async function readTorch(result: ResultFile): Promise<TorchFile> {
  const refuse = (why: string) =>
    new JobFailure("result_unreadable", `The result of ${result.label} is no sound PyTorch file: ${why}.`);
  const records = await readZipRecords(result);
  const [folder, ...others] = [...records.keys()]
    .filter((name) => name.endsWith(PICKLE) && name.indexOf("/") === name.length - PICKLE.length)
    .map((name) => name.slice(0, -PICKLE.length));
  if (folder === undefined || others.length > 0) throw refuse("it does not have one data.pkl");
  const order = records.get(`${folder}/byteorder`);
  if (order !== undefined && (await readRecord(result, order, 16))?.toString() !== "little")
    throw refuse("its numbers are not little-endian");
  const pickle = await readRecord(result, records.get(folder + PICKLE), LARGEST_PICKLE);
  if (pickle === undefined) throw refuse(`its pickle has more than ${LARGEST_PICKLE} bytes`);

  const { root, storages, bytes } = unpickle(pickle, result);
  const placed = new Map<string, PlacedStorage>();
  for (const [key, storage] of storages) {
    const record = records.get(`${folder}/data/${key}`);
    if (record === undefined) throw refuse(`the storage ${JSON.stringify(key)} is missing`);
    if (record.bytes !== storage.elements * NUMBER_BYTES[storage.type])
      throw refuse(`the storage ${JSON.stringify(key)} has not the ${storage.elements} numbers it is said to have`);
    placed.set(key, { ...storage, start: record.start });
  }
  return { folder, pickle: pickle.subarray(0, bytes), storages: placed, leaves: flatten(root, result) };
}

async function readRecord(
  { source }: ResultFile,
  record: ZipRecord | undefined,
  most: number,
): Promise<Buffer | undefined> {
  if (record === undefined || record.bytes > most) return undefined;
  return source.read(record.start, record.start + record.bytes);
}
