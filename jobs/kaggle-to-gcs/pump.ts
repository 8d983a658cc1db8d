import type { IncomingMessage } from "node:http";
import type { Writable } from "node:stream";

/** How a pump ended: with all bytes it was to move, or with fewer because the reply ended or broke. */
export interface Pumped {
  bytes: number;
  complete: boolean;
  error?: Error;
}

/**
 * Moves up to `limit` bytes from a reply to a sink, no faster than the sink takes them; what comes after them stays
 * in the reply. An abort ends it early. Rejects only when the sink fails. Without a sink the bytes are dropped.
 *
 * Written on "data" events: `pipeline` would destroy the sink with the reply, and iterating a reply copies its chunks.
 */
export function pump(
  from: IncomingMessage,
  to: Writable | undefined,
  limit: number,
  { onBytes, signal }: { onBytes?: (count: number) => void; signal: AbortSignal },
): Promise<Pumped> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    let failure: Error | undefined;
    const settle = (conclude: () => void) => {
      from.pause();
      from.off("data", onData).off("end", onEnd).off("error", onError).off("close", onEnd);
      signal.removeEventListener("abort", onEnd);
      to?.off("drain", onDrain).off("error", onSinkError).off("close", onSinkClose);
      conclude();
    };
    const finish = () =>
      settle(() => resolve({ bytes, complete: bytes === limit, ...(failure ? { error: failure } : {}) }));
    const onData = (chunk: Buffer) => {
      const wanted = Math.min(chunk.length, limit - bytes);
      const taken = wanted === chunk.length ? chunk : chunk.subarray(0, wanted);
      bytes += wanted;
      onBytes?.(wanted);
      if (to && wanted > 0 && !to.write(taken)) from.pause();
      if (bytes < limit) return;
      if (wanted < chunk.length) {
        from.pause();
        from.unshift(chunk.subarray(wanted));
      }
      finish();
    };
    const onDrain = () => from.resume();
    const onEnd = () => finish();
    const onError = (error: Error) => {
      failure = error;
      finish();
    };
    const onSinkError = (error: Error) => settle(() => reject(error));
    const onSinkClose = () => settle(() => reject(new Error("The upload was closed before its end")));

    if (limit === 0 || from.readableEnded || from.destroyed || signal.aborted) return finish();
    signal.addEventListener("abort", onEnd, { once: true });
    to?.on("drain", onDrain).once("error", onSinkError).once("close", onSinkClose);
    from.on("data", onData).once("end", onEnd).once("error", onError).once("close", onEnd);
    if (to?.writableNeedDrain) from.pause();
    else from.resume();
  });
}
