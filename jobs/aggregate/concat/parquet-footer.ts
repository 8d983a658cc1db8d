import { JobFailure } from "../../job-failure.ts";
import type { ResultFile } from "../result-file.ts";
import { readThrift } from "./read-thrift.ts";
import type { ThriftList, ThriftStruct, ThriftValue } from "./thrift.ts";
import { writeThrift } from "./write-thrift.ts";

/** What a Parquet file says about itself, and where its row groups end. */
export interface ParquetFooter {
  metadata: ThriftStruct;
  schema: ThriftList;
  rowGroups: ThriftStruct[];
  rows: bigint;
  /** Bytes [4, dataEnd) are the row groups'. */
  dataEnd: number;
}

export const MAGIC = Buffer.from("PAR1");
const TAIL_BYTES = 8;
const LARGEST_FOOTER = 64 * 1024 * 1024;

/** Field ids of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
export const FILE = { version: 1, schema: 2, rows: 3, rowGroups: 4, encryption: 8 } as const;
const GROUP = { columns: 1, fileOffset: 5, ordinal: 7 } as const;
const CHUNK = { filePath: 1, fileOffset: 2, metadata: 3, indexes: [4, 5, 6, 7], crypto: [8, 9] } as const;
const COLUMN = { dataPage: 9, indexPage: 10, dictionaryPage: 11, bloomFilter: 14 } as const;
const ELEMENT_NAME = 4;

/** Reads the footer of a result, and believes no offset in it. */
export async function readFooter(result: ResultFile): Promise<ParquetFooter> {
  const { source, label } = result;
  const refuse = (why: string) => unsound(label, why);
  if (source.size < MAGIC.length + TAIL_BYTES) throw refuse("it is too short for one");
  const tail = await source.read(source.size - TAIL_BYTES, source.size);
  if (tail.toString("latin1", 4) === "PARE") throw encrypted(label);
  if (!tail.subarray(4).equals(MAGIC)) throw refuse("it does not end like one");
  const length = tail.readUInt32LE();
  const dataEnd = source.size - TAIL_BYTES - length;
  if (dataEnd < MAGIC.length || length > LARGEST_FOOTER) throw refuse(`its footer is said to have ${length} bytes`);
  const bytes = await source.read(dataEnd, dataEnd + length);
  return sound(label, () => {
    const metadata = readThrift(bytes);
    if (metadata.fields.has(FILE.encryption)) throw encrypted(label);
    const rows = metadata.fields.get(FILE.rows)?.value;
    if (typeof rows !== "bigint" || rows < 0n) throw new Error("it does not say how many rows it has");
    const rowGroups = toList(metadata.fields.get(FILE.rowGroups)?.value).items.map(toStruct);
    return { metadata, schema: toList(metadata.fields.get(FILE.schema)?.value), rowGroups, rows, dataEnd };
  });
}

/**
 * A row group's entry for a file in which its bytes lie so much further behind. What points into the file from elsewhere
 * than the entry, the index of pages, is left out: it is no more than an aid.
 */
export function moveRowGroup(group: ThriftStruct, by: number, { dataEnd }: ParquetFooter, label: string): Buffer {
  return sound(label, () => moveOffsets(group, by, dataEnd, label));
}

function moveOffsets(group: ThriftStruct, by: number, dataEnd: number, label: string): Buffer {
  const move = ({ fields }: ThriftStruct, id: number) => {
    const field = fields.get(id);
    // Zero is how some writers say that there is none.
    if (field === undefined || typeof field.value !== "bigint" || field.value === 0n) return;
    if (field.value < BigInt(MAGIC.length) || field.value >= BigInt(dataEnd))
      throw new Error("its footer points out of its data");
    fields.set(id, { type: field.type, value: field.value + BigInt(by) });
  };
  move(group, GROUP.fileOffset);
  group.fields.delete(GROUP.ordinal);
  for (const item of toList(group.fields.get(GROUP.columns)?.value).items) {
    const chunk = toStruct(item);
    if (chunk.fields.has(CHUNK.filePath)) throw new Error("parts of it are in other files");
    if (CHUNK.crypto.some((id) => chunk.fields.has(id))) throw encrypted(label);
    for (const id of CHUNK.indexes) chunk.fields.delete(id);
    move(chunk, CHUNK.fileOffset);
    const column = toStruct(chunk.fields.get(CHUNK.metadata)?.value);
    for (const id of Object.values(COLUMN)) move(column, id);
  }
  return writeThrift(group);
}

/** The names and the definitions of a schema's elements. */
export function describeSchema({ items }: ThriftList): { name: string; definition: Buffer }[] {
  return items.map((item) => {
    const element = toStruct(item);
    const name = element.fields.get(ELEMENT_NAME)?.value;
    return { name: name instanceof Uint8Array ? Buffer.from(name).toString() : "", definition: writeThrift(element) };
  });
}

/** Runs what takes a footer apart; what it throws becomes a failure of that result. */
function sound<T>(label: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof JobFailure) throw error;
    throw unsound(label, error instanceof Error ? error.message : String(error), error);
  }
}

function unsound(label: string, why: string, cause?: unknown): JobFailure {
  const message = `Cannot join ${label}: it is no sound Parquet file: ${why}.`;
  return new JobFailure("result_unreadable", message, { cause });
}

function toList(value: ThriftValue | undefined): ThriftList {
  if (typeof value === "object" && !(value instanceof Uint8Array) && value.kind === "list") return value;
  throw new Error("a list is missing in its footer");
}

function toStruct(value: ThriftValue | undefined): ThriftStruct {
  if (typeof value === "object" && !(value instanceof Uint8Array) && value.kind === "struct") return value;
  throw new Error("a part is missing in its footer");
}

function encrypted(label: string): JobFailure {
  return new JobFailure("results_not_tabular", `Cannot join ${label}: it is an encrypted Parquet file.`);
}
