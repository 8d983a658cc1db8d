import { connect, createServer, type Socket } from "node:net";
import { TokenBucket } from "../../local/kaggle/token-bucket.ts";
import { LOOPBACK, listen } from "../../local/listen.ts";

/** Starts a TCP proxy each of whose connections carries so many bytes per second each way; resolves to its URL. */
export async function startShapedProxy(target: URL, bytesPerSecond: number): Promise<string> {
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) socket.setNoDelay(true);
    relay(client, upstream, bytesPerSecond);
    relay(upstream, client, bytesPerSecond);
  });
  return `http://${LOOPBACK}:${await listen(server, "the shaped proxy", 0)}`;
}

function relay(from: Socket, to: Socket, bytesPerSecond: number): void {
  const bucket = new TokenBucket(bytesPerSecond);
  const over = new AbortController();
  from.once("error", () => to.destroy());
  from.once("end", () => to.end());
  to.once("close", () => {
    over.abort();
    from.destroy();
  });
  from.on("data", (chunk: Buffer) => {
    from.pause();
    bucket.take(chunk.length, over.signal).then(
      () => (to.write(chunk) ? from.resume() : to.once("drain", () => from.resume())),
      () => from.destroy(),
    );
  });
}
