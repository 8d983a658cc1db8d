import { connect, createServer, type Socket } from "node:net";
import { closeServer, LOOPBACK, listen } from "../../../local/listen.ts";

export interface CutProxy {
  url: string;
  /** Resets the next connections that send this many bytes each, one per number. */
  cutAfter(...bytes: number[]): void;
  /** How many connections were reset. */
  cuts(): number;
  close(): Promise<void>;
}

/** A TCP proxy that breaks connections in the middle of what the client sends. */
export async function startCutProxy(target: string): Promise<CutProxy> {
  const { hostname, port } = new URL(target);
  const limits: number[] = [];
  let cuts = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // Either end may be reset; the other then goes too.
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let sent = 0;
    client.on("data", (chunk) => {
      sent += chunk.length;
      const [limit] = limits;
      if (limit !== undefined && sent >= limit) {
        limits.shift();
        cuts++;
        upstream.end(chunk);
        client.resetAndDestroy();
        return;
      }
      if (!upstream.write(chunk)) client.pause();
    });
    upstream.on("drain", () => client.resume());
    upstream.pipe(client);
  });
  const url = `http://${LOOPBACK}:${await listen(server, "the test's proxy", 0)}`;
  return {
    url,
    cutAfter: (...bytes) => void limits.push(...bytes),
    cuts: () => cuts,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await closeServer(server);
    },
  };
}
