/** Checksums as Cloud Storage writes them: base64 of the big-endian CRC32C, base64 of the MD5. */
export interface GoogHash {
  crc32c?: string;
  md5?: string;
}

/** Reads `x-goog-hash: crc32c=…,md5=…`; several headers arrive joined by commas. */
export function parseGoogHash(header: string | undefined): GoogHash {
  const hash: GoogHash = {};
  for (const entry of header?.split(",") ?? []) {
    const [, algorithm, value] = /^\s*(crc32c|md5)=([A-Za-z0-9+/]+={0,2})\s*$/.exec(entry) ?? [];
    if (value === undefined) continue;
    if (algorithm === "crc32c") hash.crc32c = value;
    else hash.md5 = value;
  }
  return hash;
}
