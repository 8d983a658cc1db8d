import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";
import { bufferContent, type Content } from "./content.ts";
import type { FileSpec } from "./dataset.ts";

/** Zips files so that the same files at the same date give the same bytes. */
export async function buildArchive(files: FileSpec[], date: Date): Promise<Content> {
  const zip = new ZipFile();
  const archive = buffer(zip.outputStream);
  for (const file of files) {
    const content = await file.read();
    const bytes = Buffer.concat([...content.read(0, content.size)]);
    zip.addBuffer(bytes, file.name, { mtime: date, mode: 0o100644, compress: !file.name.endsWith(".parquet") });
  }
  zip.end();
  return bufferContent(await archive);
}
