import { once } from "node:events";
import { ZipFile } from "yazl";

/** Steps of a pickle of protocol 2, for files that torch.save would not write. */
export const PROTO = Buffer.of(0x80, 2);
export const STOP = Buffer.from(".");
export const MARK = Buffer.from("(");

export const global = (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`);

export function int(value: number): Buffer {
  const step = Buffer.alloc(5, "J");
  step.writeInt32LE(value, 1);
  return step;
}

/** Up to eight bytes: more than 32 bits need it. */
export function long(value: bigint): Buffer {
  const step = Buffer.alloc(10);
  step.writeUInt8(0x8a, 0);
  step.writeUInt8(8, 1);
  step.writeBigInt64LE(value, 2);
  return step;
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const head = Buffer.alloc(5, "X");
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

export const tuple = (...items: Uint8Array[]) => Buffer.concat([MARK, ...items, Buffer.from("t")]);
export const dict = (...items: Uint8Array[]) => Buffer.concat([Buffer.from("}"), MARK, ...items, Buffer.from("u")]);
export const list = (...items: Uint8Array[]) => Buffer.concat([Buffer.from("]"), MARK, ...items, Buffer.from("e")]);
export const call = (callee: Uint8Array, ...args: Uint8Array[]) =>
  Buffer.concat([callee, tuple(...args), Buffer.from("R")]);

export interface TensorFacts {
  storage?: string;
  type?: string;
  /** Of the storage. */
  elements?: number;
  offset?: number;
  shape: number[];
  strides?: number[];
}

export function storage({ storage = "0", type = "FloatStorage", elements = 4 }: Partial<TensorFacts>): Buffer {
  const id = tuple(text("storage"), global("torch", type), text(storage), text("cpu"), int(elements));
  return Buffer.concat([id, Buffer.from("Q")]);
}

export function tensor(facts: TensorFacts): Buffer {
  const { shape, offset = 0, strides = shape.map(() => 1) } = facts;
  const numbers = (values: number[]) => tuple(...values.map((value) => long(BigInt(value))));
  return call(
    global("torch._utils", "_rebuild_tensor_v2"),
    storage(facts),
    int(offset),
    numbers(shape),
    numbers(strides),
    Buffer.of(0x89),
    call(global("collections", "OrderedDict")),
  );
}

export const pickle = (...steps: Uint8Array[]) => Buffer.concat([PROTO, ...steps, STOP]);

/** An archive as torch.save makes them, of that pickle and those storages. */
export async function torchFile(
  data: Uint8Array,
  storages: Record<string, Uint8Array>,
  { byteorder = "little", compress = false, more = {} as Record<string, Uint8Array> } = {},
): Promise<Buffer> {
  const zip = new ZipFile();
  const mtime = new Date(Date.UTC(1980, 0, 1));
  const add = (name: string, bytes: Uint8Array) =>
    zip.addBuffer(Buffer.from(bytes), name, { compress, mtime, mode: 0o100664 });
  add("archive/data.pkl", data);
  add("archive/byteorder", Buffer.from(byteorder));
  for (const [key, bytes] of Object.entries(storages)) add(`archive/data/${key}`, bytes);
  for (const [name, bytes] of Object.entries(more)) add(name, bytes);
  add("archive/version", Buffer.from("3\n"));
  zip.end();
  const chunks: Buffer[] = [];
  zip.outputStream.on("data", (chunk: Buffer) => void chunks.push(chunk));
  await once(zip.outputStream, "end");
  return Buffer.concat(chunks);
}

export const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);

/** A state dict of one tensor `w` with these values. */
export const weights = (...values: number[]) =>
  torchFile(pickle(dict(text("w"), tensor({ shape: [values.length], elements: values.length }))), {
    "0": floats(...values),
  });
