import { Storage } from "@google-cloud/storage";
import { crc32c } from "@node-rs/crc32";
import { strFromU8, unzipSync } from "fflate";

export interface InspectedObject {
  bytes: number;
  /** Base64 of the big-endian CRC32C, computed here from the bytes that came back. */
  crc32c: string;
  /** One entry per file in the archive that can be shown as text. */
  previews: { name: string; lines: string[] }[];
  files: string[];
}

const PREVIEW_LINES = 4;
const PREVIEW_WIDTH = 110;

/** Reads an object back from the bucket, as the next consumer would. */
export async function downloadObject(endpoint: string, gcsUrl: string): Promise<Buffer> {
  const { hostname, pathname } = new URL(gcsUrl);
  const storage = new Storage({ apiEndpoint: endpoint, projectId: "corral-local" });
  const [content] = await storage
    .bucket(hostname)
    .file(decodeURIComponent(pathname.slice(1)))
    .download();
  return content;
}

/** Reads an archive back from the bucket and looks inside. */
export async function inspectObject(endpoint: string, gcsUrl: string): Promise<InspectedObject> {
  const content = await downloadObject(endpoint, gcsUrl);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32c(content));
  const files = unzipSync(content);
  return {
    bytes: content.length,
    crc32c: checksum.toString("base64"),
    files: Object.keys(files),
    previews: Object.entries(files)
      .filter(([name]) => /\.(csv|tsv|json|txt)$/i.test(name))
      .map(([name, bytes]) => ({ name, lines: firstLines(bytes) })),
  };
}

function firstLines(bytes: Uint8Array): string[] {
  return strFromU8(bytes.subarray(0, PREVIEW_LINES * 4096))
    .split(/\r?\n/)
    .slice(0, PREVIEW_LINES)
    .map((line) => (line.length > PREVIEW_WIDTH ? `${line.slice(0, PREVIEW_WIDTH)}…` : line));
}
