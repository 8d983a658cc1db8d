// JavaScript, because a worker thread is loaded by Node itself, which reads no TypeScript before version 22.18.
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";

const buffer = Buffer.allocUnsafe(1 << 20);
const files = new Map();

parentPort?.on("message", ({ op, id, path, size }) => {
  try {
    if (op === "open") files.set(id, { fd: openSync(path, "r"), hash: createHash("md5"), position: 0 });
    if (op === "advance") advance(files.get(id), size);
    if (op === "finish") finish(id, size);
    if (op === "close") close(id);
  } catch (error) {
    // Nobody listens unless `finish` was asked; an upload that was given up meanwhile takes its file along.
    close(id);
    parentPort?.postMessage({ id, error: String(error) });
  }
});

/** Hashes what was written meanwhile; the bytes come from the page cache, a moment after they went there. */
function advance(file, size) {
  while (file !== undefined && file.position < size) {
    const length = Math.min(buffer.length, size - file.position);
    const count = readSync(file.fd, buffer, 0, length, file.position);
    if (count === 0) throw new Error(`A segment ends at byte ${file.position}, before byte ${size}`);
    file.hash.update(buffer.subarray(0, count));
    file.position += count;
  }
}

function finish(id, size) {
  const file = files.get(id);
  if (file === undefined) throw new Error("The segment could not be read");
  advance(file, size);
  parentPort?.postMessage({ id, md5: file.hash.digest("base64") });
  close(id);
}

function close(id) {
  const file = files.get(id);
  if (file === undefined) return;
  files.delete(id);
  closeSync(file.fd);
}
