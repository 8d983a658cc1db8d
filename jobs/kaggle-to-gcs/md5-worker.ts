import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";

const hash = createHash("md5");

/** Takes chunks and acknowledges each; an empty one asks for the digest, in base64. */
parentPort?.on("message", (chunk: Uint8Array) => {
  if (chunk.byteLength === 0) return parentPort?.postMessage(hash.digest("base64"));
  hash.update(chunk);
  parentPort?.postMessage(chunk.byteLength);
});
