// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the placeholders of the source that is changed
import type { StandInMutant } from "../stand-in-mutant.ts";

const STORAGE = "local/storage";
const reads = ["tests/contracts/storage/reads.test.ts"];
const http = ["tests/local/storage/http.test.ts"];
const changes = ["tests/contracts/storage/changes.test.ts"];
const lists = ["tests/contracts/storage/lists.test.ts"];

/** Cloud Storage's reads and lists, and what is deleted from them. */
export const storageReadMutants: StandInMutant[] = [
  {
    title: "Storage: a whole read does not carry its checksums",
    file: `${STORAGE}/send-media.ts`,
    find: '    "x-goog-hash": [`crc32c=${object.crc32c}`, ...(object.md5Hash ? [`md5=${object.md5Hash}`] : [])].join(","),\n',
    replace: '    "x-goog-hash": "",\n',
    tests: http,
  },
  {
    title: "Storage: a read does not tell the stored encoding, so that clients prove nothing",
    file: `${STORAGE}/send-media.ts`,
    find: '    "x-goog-stored-content-encoding": toHeaderText(object.contentEncoding ?? "identity"),\n',
    replace: "",
    tests: http,
  },
  {
    title: "Storage: a read does not tell the generation",
    file: `${STORAGE}/send-media.ts`,
    find: '    "x-goog-generation": String(object.generation),\n',
    replace: "",
    tests: ["tests/contracts/storage/signed-urls.test.ts"],
  },
  {
    title: "Storage: Range is ignored",
    file: `${STORAGE}/byte-range.ts`,
    find: 'if (first === "" && last === "") return undefined;',
    replace: "if (first === last || size > 0) return undefined;",
    tests: reads,
  },
  {
    title: "Storage: the last byte of a range is left out",
    file: `${STORAGE}/byte-range.ts`,
    find: "Math.min(Number(last) + 1, size)",
    replace: "Math.min(Number(last), size)",
    tests: reads,
  },
  {
    title: "Storage: a range past the end is answered with everything",
    file: `${STORAGE}/byte-range.ts`,
    find: "if (start >= end) {",
    replace: "if (start >= end) return undefined;\n  if (start < 0) {",
    tests: reads,
  },
  {
    title: "Storage: a range is not a 206",
    file: `${STORAGE}/send-media.ts`,
    find: "writeHead(range === undefined ? 200 : 206, headers)",
    replace: "writeHead(200, headers)",
    tests: http,
  },
  {
    title: "Storage: a range is read from the wrong place when segments follow each other",
    file: `${STORAGE}/segments.ts`,
    find: "      offset += size;\n",
    replace: "",
    tests: changes,
  },
  {
    title: "Storage: a list has no prefix",
    file: `${STORAGE}/object-routes.ts`,
    find: 'prefix: text("prefix"),',
    replace: 'prefix: "",',
    tests: lists,
  },
  {
    title: "Storage: a delimiter does not fold",
    file: `${STORAGE}/object-routes.ts`,
    find: 'delimiter: text("delimiter"),',
    replace: 'delimiter: "",',
    tests: lists,
  },
  {
    title: "Storage: a list ends with its first page",
    file: `${STORAGE}/object-routes.ts`,
    find: '    ...(next === undefined ? {} : { nextPageToken: Buffer.from(next).toString("base64url") }),\n',
    replace: "",
    tests: lists,
  },
  {
    title: "Storage: names are listed in the order of UTF-16",
    file: `${STORAGE}/name-index.ts`,
    find: "if (a !== b) return rank(a) - rank(b);",
    replace: "if (a !== b) return a - b;",
    tests: lists,
  },
  {
    title: "Storage: a deleted object is still listed",
    file: `${STORAGE}/state.ts`,
    find: "    bucket.objects.delete(name);\n    bucket.index.remove(name);",
    replace: "    bucket.index.remove(name);",
    tests: [...changes, ...lists],
  },
  {
    title: "Storage: deleting an object twice succeeds",
    file: `${STORAGE}/store.ts`,
    find: "    this.object(bucket, name, generation);\n    await this.#commit",
    replace: "    await this.#commit",
    tests: changes,
  },
];
