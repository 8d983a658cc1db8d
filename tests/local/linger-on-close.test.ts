import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { connect } from "node:net";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { lingerOnClose } from "../../local/linger-on-close.ts";
import { closeServer, LOOPBACK, listen } from "../../local/listen.ts";
import { writeThenRead } from "./write-then-read.ts";

const MB = 1_000_000;

async function serve(answer: RequestListener, lingerMs?: number) {
  const server = createServer(answer);
  lingerOnClose(server, lingerMs);
  const port = await listen(server, "the test", 0);
  onTestFinished(() => closeServer(server));
  return { port, url: `http://${LOOPBACK}:${port}/` };
}

const refuse: RequestListener = (_request, response) => response.writeHead(413).end("too large");

test.each([1, 11, 20, 50])("an answer reaches who first writes a body of %i MB to its end", async (size) => {
  const { url } = await serve(refuse);
  const answer = await writeThenRead("POST", url, size * MB);
  expect(answer).toContain("HTTP/1.1 413 ");
  expect(answer).toContain("too large");
});

test("an answer that is given while the body is being read reaches it, too", async () => {
  const { url } = await serve(async (request, response) => {
    await once(request, "data");
    request.pause();
    refuse(request, response);
  });
  expect(await writeThenRead("PUT", url, 20 * MB)).toContain("too large");
});

test("Python's urllib reads the refusal", async ({ skip }) => {
  const { url } = await serve(refuse);
  const script = `
import sys, urllib.request, urllib.error
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=bytes(50_000_000)))
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
`;
  const ran = promisify(execFile)("python3", ["-c", script, url], { env: { PATH: process.env.PATH } });
  const { stdout } = await ran.catch((error: NodeJS.ErrnoException) =>
    error.code === "ENOENT" ? skip("there is no python3 here") : Promise.reject(error),
  );
  expect(stdout).toBe("413 too large\n");
});

test("the connection serves the next request once the rest of the body is there", async () => {
  const { port } = await serve((request, response) =>
    request.method === "GET" ? response.end("next") : refuse(request, response),
  );
  const socket = connect(port, LOOPBACK);
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${20 * MB}\r\n\r\n`);
  const [first] = await once(socket, "data");
  expect(String(first)).toContain("too large");
  socket.write(Buffer.alloc(20 * MB));
  socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  expect(String(Buffer.concat(await socket.toArray()))).toContain("next");
});

test.each(["close", "keep-alive"])(
  "a body without an end is not read for long, and holds no memory: connection %s",
  async (kind) => {
    const { port } = await serve(refuse, 300);
    const socket = connect(port, LOOPBACK);
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\nconnection: ${kind}\r\ntransfer-encoding: chunked\r\n\r\n`);
    const chunk = Buffer.from(`100000\r\n${"x".repeat(0x100000)}\r\n`);
    const send = () => socket.write(chunk, (error) => error ?? send());
    const before = process.memoryUsage.rss();
    send();
    // What the server does not read any more, the client cannot write.
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("close", resolve));
    expect(socket.bytesWritten).toBeGreaterThan(50 * MB);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * MB);
  },
);

test("who stops writing is let go", async () => {
  const { port } = await serve(refuse, 100);
  const socket = connect(port, LOOPBACK);
  socket.write("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhalf");
  expect(String(Buffer.concat(await socket.toArray()))).toContain("too large");
});
