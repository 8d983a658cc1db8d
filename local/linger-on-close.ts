import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Socket } from "node:net";

/** As long as nginx lingers (`lingering_time`). */
const LINGER_MS = 30_000;

/**
 * Lets an answer that is given before a body was read reach its client: what is left of the body is read and dropped
 * before the connection ends (RFC 9112, 9.6). Who writes a body to its end before reading, as Python's urllib does,
 * would find the connection broken instead. A body that has no end is not read for longer than `lingerMs`.
 */
export function lingerOnClose(server: Server, lingerMs = LINGER_MS): void {
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const { headers, socket } = request;
    if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) return;
    const close = () => Socket.prototype.destroySoon.call(socket);
    // What Node calls once it has written the last answer of a connection.
    socket.destroySoon = () => {
      if (request.complete) close();
      else request.once("end", close);
    };
    response.once("finish", () => {
      if (!request.complete) dropRest(request, lingerMs);
    });
  });
}

function dropRest(request: IncomingMessage, lingerMs: number): void {
  const limit = setTimeout(() => request.socket.destroy(), lingerMs);
  request.once("close", () => clearTimeout(limit));
  request.unpipe().resume();
}
