import { once } from "node:events";
import { connect } from "node:net";

/**
 * Sends a request whose body is so many bytes, as Python's urllib does: on a connection of its own, and all of it before
 * anything of the answer is read. Resolves to the answer as it came, head and body.
 */
export async function writeThenRead(method: string, url: string | URL, bytes: number): Promise<string> {
  const { hostname, host, port, pathname, search } = new URL(url);
  const socket = connect(Number(port), hostname).pause();
  const head = `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-length: ${bytes}\r\n\r\n`;
  socket.write(head);
  socket.write(Buffer.alloc(bytes), () => socket.resume());
  let answer = "";
  socket.on("data", (piece) => {
    answer += piece;
  });
  await once(socket, "close");
  return answer;
}
