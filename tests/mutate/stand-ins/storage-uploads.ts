// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the placeholders of the source that is changed
import type { StandInMutant } from "../stand-in-mutant.ts";

const STORAGE = "local/storage";
const resumable = ["tests/local/storage/resumable-wire.test.ts"];
const uploads = ["tests/contracts/storage/uploads.test.ts"];
const recovery = ["tests/contracts/storage/recovery.test.ts"];

/** Cloud Storage's uploads: in one request, in several, broken off, and held to their checksums. */
export const storageUploadMutants: StandInMutant[] = [
  {
    title: "Storage: a chunk is answered with 200 instead of 308",
    file: `${STORAGE}/upload-routes.ts`,
    find: "const RESUME_INCOMPLETE = 308;",
    replace: "const RESUME_INCOMPLETE = 200;",
    tests: resumable,
  },
  {
    title: "Storage: a 308 does not tell how much is stored",
    file: `${STORAGE}/upload-routes.ts`,
    find: "persisted > 0 ? { range: `bytes=0-${persisted - 1}` } : {}",
    replace: "{}",
    tests: resumable,
  },
  {
    title: "Storage: a 308 tells one byte too many",
    file: `${STORAGE}/upload-routes.ts`,
    find: "`bytes=0-${persisted - 1}`",
    replace: "`bytes=0-${persisted}`",
    tests: resumable,
  },
  {
    title: "Storage: chunks of any size are taken",
    file: `${STORAGE}/resumable-uploads.ts`,
    find: "const CHUNK_MULTIPLE = 256 * 1024;",
    replace: "const CHUNK_MULTIPLE = 1;",
    tests: resumable,
  },
  {
    title: "Storage: bytes that are stored already are stored again",
    file: `${STORAGE}/resumable-uploads.ts`,
    find: "chunk.subarray(Math.max(writer.size - position, 0))",
    replace: "chunk.subarray(0)",
    tests: resumable,
  },
  {
    title: "Storage: a gap in an upload is taken",
    file: `${STORAGE}/resumable-uploads.ts`,
    find: "if (start > writer.size) throw",
    replace: "if (start > writer.size + 1e12) throw",
    tests: resumable,
  },
  {
    title: "Storage: an upload of another length than announced is taken",
    file: `${STORAGE}/resumable-uploads.ts`,
    find: "if (length !== undefined && length !== size) throw wrongLength(size, length);",
    replace: "if (length !== undefined && length < 0) throw wrongLength(size, length);",
    tests: resumable,
  },
  {
    title: "Storage: the bytes of a resumable upload that broke off are lost",
    file: `${STORAGE}/resumable-uploads.ts`,
    find: "      await this.#keep(session, writer);\n",
    replace:
      "      await this.#keep(session, writer);\n      session.writer = undefined;\n      await writer.abandon();\n      await this.#store.closeUpload(writer.id);\n",
    tests: recovery,
  },
  {
    title: "Storage: a client that lost the last reply does not learn that its upload is complete",
    file: `${STORAGE}/resumable-uploads.ts`,
    find: "if (done !== undefined) return { done };",
    replace: "if (done === null) return { done };",
    tests: recovery,
  },
  {
    title: "Storage: an upload does not survive a restart",
    file: `${STORAGE}/state.ts`,
    find: '    for (const upload of this.#uploads.values()) yield { op: "open_upload", upload };\n',
    replace: "",
    tests: recovery,
  },
  {
    title: "Storage: a cancelled upload goes on",
    file: `${STORAGE}/resumable-uploads.ts`,
    find: "      session.writer = undefined;\n      await this.#store.closeUpload(id);",
    replace: "      session.writer = undefined;",
    tests: resumable,
  },
  {
    title: "Storage: a multipart upload forgets its metadata",
    file: `${STORAGE}/upload-routes.ts`,
    find: "readTarget(call, parseJson(uploadMetadata, metadata), contentType);",
    replace: 'readTarget(call, { name: parseJson(uploadMetadata, metadata).name }, "x/y");',
    tests: uploads,
  },
  {
    title: "Storage: a multipart upload keeps a byte of its boundary",
    file: `${STORAGE}/multipart-related.ts`,
    find: "if (at > 0) yield this.#held.subarray(0, at);",
    replace: "if (at >= 0) yield this.#held.subarray(0, at + 1);",
    tests: uploads,
  },
  {
    title: "Storage: an upload whose CRC32C differs from what was promised is stored",
    file: `${STORAGE}/store.ts`,
    find: '[["CRC32C", "crc32c"] as const, ["MD5 hash", "md5Hash"] as const]',
    replace: '[["MD5 hash", "md5Hash"] as const]',
    tests: uploads,
  },
  {
    title: "Storage: an upload whose MD5 differs from what was promised is stored",
    file: `${STORAGE}/store.ts`,
    find: '[["CRC32C", "crc32c"] as const, ["MD5 hash", "md5Hash"] as const]',
    replace: '[["CRC32C", "crc32c"] as const]',
    tests: resumable,
  },
  {
    title: "Storage: an object's CRC32C is not that of its bytes",
    file: `${STORAGE}/segment-writer.ts`,
    find: "    this.#checksum = crc32c(chunk, this.#checksum);\n    for (let taken",
    replace: "    this.#checksum = crc32c(chunk);\n    for (let taken",
    tests: uploads,
  },
  {
    title: "Storage: an object's MD5 is not that of its bytes",
    file: `${STORAGE}/md5-worker.ts`,
    find: "file.hash.update(buffer.subarray(0, count));",
    replace: "file.hash.update(buffer.subarray(0, count - 1));",
    tests: uploads,
  },
  {
    title: "Storage: the CRC32C of an upload that was resumed after a restart covers its end only",
    file: `${STORAGE}/segment-writer.ts`,
    find: "if ((await file.stat()).size > 0) {",
    replace: "if ((await file.stat()).size > 1e15) {",
    tests: recovery,
  },
];
