/** A file as the safetensors library writes it, or with a header that it would not. */
export function safetensorsFile(header: unknown, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

export interface Read {
  metadata: Record<string, string> | undefined;
  /** Type, shape and bytes of every tensor. */
  tensors: Record<string, [string, number[], Buffer]>;
}

/** Takes a file apart without judging it. */
export function readSafetensors(file: Buffer): Read {
  const end = 8 + Number(file.readBigUInt64LE());
  const { __metadata__: metadata, ...entries } = JSON.parse(file.toString("utf8", 8, end));
  const tensors: Read["tensors"] = {};
  for (const [name, entry] of Object.entries<{ dtype: string; shape: number[]; data_offsets: [number, number] }>(
    entries,
  )) {
    const [from, to] = entry.data_offsets;
    tensors[name] = [entry.dtype, entry.shape, file.subarray(end + from, end + to)];
  }
  return { metadata, tensors };
}
