import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Call } from "./call.ts";
import type { Router } from "./router.ts";
import { invalid } from "./storage-error.ts";

/** https://cloud.google.com/storage/docs/batch: more calls than this are refused. */
const MAX_CALLS = 100;
const MAX_BYTES = 10 << 20;

/** Many calls of the JSON API in one request; each goes through the server itself, in order. */
export function addBatchRoute(router: Router, ownUrl: () => string): void {
  router.on("POST /batch/storage/v1", async (call) => {
    const boundary = /boundary="?([^";]+)"?/.exec(call.header("content-type") ?? "")?.[1];
    if (boundary === undefined) throw invalid("A batch needs a Content-Type of multipart/mixed with a boundary.");
    const parts = (await readText(call)).split(`--${boundary}`).slice(1, -1);
    if (parts.length > MAX_CALLS) throw invalid(`The batch size limit of ${MAX_CALLS} calls is exceeded.`);
    const name = `batch_${randomUUID()}`;
    let body = "";
    for (const part of parts) body += `--${name}\r\n${await answer(part, ownUrl())}\r\n`;
    body += `--${name}--\r\n`;
    call.response.writeHead(200, { "content-type": `multipart/mixed; boundary=${name}` }).end(body);
  });
}

async function answer(part: string, ownUrl: string): Promise<string> {
  const [outer = "", inner = "", ...rest] = part.replace(/^\s+/, "").split(/\r?\n\r?\n/);
  const [requestLine = "", ...headerLines] = inner.split(/\r?\n/);
  const [, method, path] = /^(\w+) (?:https?:\/\/[^/]+)?(\/\S*)/.exec(requestLine) ?? [];
  if (method === undefined || path === undefined) throw invalid(`Invalid request in a batch: "${requestLine}"`);
  const body = rest.join("\r\n\r\n").trim();
  const reply = await fetch(ownUrl + path, { method, headers: readHeaders(headerLines), body: body || null });
  const id = /^content-id:\s*<?([^>\r\n]*)>?/im.exec(outer)?.[1] ?? "";
  const text = await reply.text();
  return [
    "Content-Type: application/http",
    `Content-ID: <response-${id}>`,
    "",
    `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ""}`,
    `Content-Type: ${reply.headers.get("content-type") ?? "application/json"}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    "",
    text,
  ].join("\r\n");
}

/** Only headers that mean something to the JSON API; the batch's own length and host do not hold for its parts. */
function readHeaders(lines: string[]): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined && /^(content-type|if-.*|x-goog-.*)$/i.test(name)) headers.set(name, value ?? "");
  }
  return headers;
}

async function readText(call: Call): Promise<string> {
  let text = "";
  for await (const chunk of call.body()) {
    text += chunk.toString("latin1");
    if (text.length > MAX_BYTES) throw invalid("The batch is larger than 10 MB.");
  }
  return Buffer.from(text, "latin1").toString("utf8");
}
