const CHUNK_BYTES = 64 * 1024;
/** Who reads slower than that does not keep others waiting. */
const PATIENCE_MS = 30_000;

/** A reply's body, and a call when its reader has it, does not want it, or takes too long. */
export function tellWhenRead(
  bytes: Uint8Array<ArrayBuffer>,
  onRead: () => void,
  patienceMs = PATIENCE_MS,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let isTold = false;
  const tell = () => {
    clearTimeout(patience);
    if (!isTold) onRead();
    isTold = true;
  };
  const patience = setTimeout(tell, patienceMs);
  let start = 0;
  return new ReadableStream({
    pull(controller) {
      const chunk = bytes.subarray(start, start + CHUNK_BYTES);
      start += CHUNK_BYTES;
      if (chunk.length > 0) return controller.enqueue(chunk);
      controller.close();
      tell();
    },
    cancel: tell,
  });
}
