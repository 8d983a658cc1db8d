import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";

/** What the hasher asks of this thread. */
export type Md5Order =
  | { op: "open"; id: string; path: string }
  | { op: "advance"; id: string; size: number }
  | { op: "finish"; id: string; size: number }
  | { op: "close"; id: string };

interface OpenFile {
  fd: number;
  hash: Hash;
  position: number;
}

const buffer = Buffer.allocUnsafe(1 << 20);
const files = new Map<string, OpenFile>();

parentPort?.on("message", (order: Md5Order) => {
  try {
    carryOut(order);
  } catch (error) {
    // Nobody listens unless `finish` was asked; an upload that was given up meanwhile takes its file along.
    close(order.id);
    parentPort?.postMessage({ id: order.id, error: String(error) });
  }
});

function carryOut(order: Md5Order): void {
  switch (order.op) {
    case "open":
      files.set(order.id, { fd: openSync(order.path, "r"), hash: createHash("md5"), position: 0 });
      break;
    case "advance":
      advance(files.get(order.id), order.size);
      break;
    case "finish":
      finish(order.id, order.size);
      break;
    case "close":
      close(order.id);
  }
}

/** Hashes what was written meanwhile; the bytes come from the page cache, a moment after they went there. */
function advance(file: OpenFile | undefined, size: number): void {
  while (file !== undefined && file.position < size) {
    const length = Math.min(buffer.length, size - file.position);
    const count = readSync(file.fd, buffer, 0, length, file.position);
    if (count === 0) throw new Error(`A segment ends at byte ${file.position}, before byte ${size}`);
    file.hash.update(buffer.subarray(0, count));
    file.position += count;
  }
}

function finish(id: string, size: number): void {
  const file = files.get(id);
  if (file === undefined) throw new Error("The segment could not be read");
  advance(file, size);
  parentPort?.postMessage({ id, md5: file.hash.digest("base64") });
  close(id);
}

function close(id: string): void {
  const file = files.get(id);
  if (file === undefined) return;
  files.delete(id);
  closeSync(file.fd);
}
