import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { bufferContent } from "../content.ts";
import type { FileSpec } from "../dataset.ts";

const DATA = join(dirname(createRequire(import.meta.url).resolve("vega-datasets")), "../data");

/** A file of the vega-datasets package, whole or its first lines, under a name of our own. */
export function vegaFile(source: string, options: { name?: string; lines?: number } = {}): FileSpec {
  return {
    name: options.name ?? source,
    async read() {
      const bytes = await readFile(join(DATA, source));
      return bufferContent(options.lines === undefined ? bytes : firstLines(bytes, options.lines));
    },
  };
}

function firstLines(bytes: Buffer, count: number): Buffer {
  let end = 0;
  for (let line = 0; line < count && end < bytes.length; line++) {
    const newline = bytes.indexOf("\n", end);
    end = newline === -1 ? bytes.length : newline + 1;
  }
  return bytes.subarray(0, end);
}
