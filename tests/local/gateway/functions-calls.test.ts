import { once } from "node:events";
import { Agent, request as openRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeThenRead } from "../write-then-read.ts";
import { type Beacon, type ServedFunctions, serveFunctions, startBeacon } from "./functions-project.ts";

const ECHO = `Deno.serve(async (request) => {
  const { pathname, search } = new URL(request.url);
  const headers = Object.fromEntries(request.headers);
  return Response.json({ method: request.method, path: pathname + search, headers, body: await request.text() });
});`;

const ANSWER = `Deno.serve(() => {
  const headers = new Headers({ "x-answer": "yes", "content-type": "text/plain; charset=utf-8" });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  return new Response("tea", { status: 418, headers });
});`;

const PREFLIGHT = `Deno.serve((request) => {
  if (request.method !== "OPTIONS") return new Response("inside");
  return new Response(null, { status: 204, headers: { "access-control-allow-origin": "https://console.example" } });
});`;

/** Says what it has read so far, then waits for more. */
const STREAM_IN = `Deno.serve(async (request) => {
  const beacon = Deno.env.get("BEACON");
  let text = "";
  for await (const chunk of request.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    await fetch(beacon + "/read/" + text.length);
  }
  return new Response(text);
});`;

const STREAM_OUT = `Deno.serve(() => {
  const parts = ["first", "second"];
  return new Response(new ReadableStream({
    async pull(controller) {
      const part = parts.shift();
      if (part === undefined) return controller.close();
      if (part === "second") await fetch(Deno.env.get("BEACON") + "/second");
      controller.enqueue(new TextEncoder().encode(part));
    },
  }));
});`;

const EARLY = `Deno.serve(async (request) => {
  if (request.url.endsWith("/unread")) return new Response("too large", { status: 413 });
  return new Response(String((await request.arrayBuffer()).byteLength));
});`;

const ABANDONED = `Deno.serve((request) => {
  const beacon = Deno.env.get("BEACON");
  request.signal.addEventListener("abort", () => fetch(beacon + "/aborted"));
  fetch(beacon + "/called");
  return new Promise(() => {});
});`;

/** With its length, or in chunks of no known number. */
const LARGE = `Deno.serve((request) => {
  const bytes = new Uint8Array(20_000_000).map((_, index) => index % 251);
  const body = request.url.endsWith("/sized") ? bytes : new Blob([bytes]).stream();
  return new Response(body, { headers: { "content-type": "application/octet-stream" } });
});`;

let beacon: Beacon;
let functions: ServedFunctions;

beforeAll(async () => {
  beacon = await startBeacon();
  functions = await serveFunctions(
    {
      echo: ECHO,
      answer: ANSWER,
      preflight: PREFLIGHT,
      "stream-in": STREAM_IN,
      "stream-out": STREAM_OUT,
      early: EARLY,
      large: LARGE,
      abandoned: ABANDONED,
    },
    { verifyJwt: ["preflight"], env: { BEACON: beacon.url } },
  );
});

afterAll(async () => {
  await functions?.close();
  await beacon?.close();
});

describe("a call through the gateway", () => {
  test("reaches the function under the function's own path, with its method, query, headers and body", async () => {
    const response = await fetch(`${functions.url}/echo/a/b%20c?d=e&d=f`, {
      method: "PATCH",
      headers: { "x-request-id": "req-1", "x-own": "value" },
      body: "héllo",
    });
    const { method, path, headers, body } = await response.json();
    expect({ method, path, body }).toEqual({ method: "PATCH", path: "/echo/a/b%20c?d=e&d=f", body: "héllo" });
    expect(headers).toMatchObject({
      "x-request-id": "req-1",
      "x-own": "value",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": new URL(functions.url).host,
    });
  });

  test("brings the function's status, headers and body back unchanged", async () => {
    const response = await fetch(`${functions.url}/answer`);
    expect(response.status).toBe(418);
    expect(response.headers.get("x-answer")).toBe("yes");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await response.text()).toBe("tea");
  });

  test("carries a DELETE's body, which Node would not send unasked", async () => {
    const call = openRequest(`${functions.url}/echo`, {
      method: "DELETE",
      headers: { "transfer-encoding": "chunked" },
    });
    call.end("gone");
    const [response] = await once(call, "response");
    const [text] = await response.toArray();
    expect(JSON.parse(String(text))).toMatchObject({ method: "DELETE", body: "gone" });
  });

  test("hands the function a request body while the client still sends", async () => {
    const call = openRequest(`${functions.url}/stream-in`, { method: "POST" });
    const answered = once(call, "response");
    call.write("abc");
    (await beacon.reached("/read/3")).end();
    call.end("defg");
    (await beacon.reached("/read/7")).end();
    const [response] = await answered;
    expect(String((await response.toArray())[0])).toBe("abcdefg");
  });

  test("hands the client an answer while the function still writes", async () => {
    const response = await fetch(`${functions.url}/stream-out`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect(await reader?.read()).toEqual({ done: false, value: "first" });
    (await beacon.reached("/second")).end();
    expect(await reader?.read()).toEqual({ done: false, value: "second" });
    expect(await reader?.read()).toEqual({ done: true, value: undefined });
  });

  test.each(["sized", "streamed"])(
    "brings a large answer back whole to a client that reads slowly: %s",
    async (how) => {
      const response = await fetch(`${functions.url}/large/${how}`);
      expect(response.headers.has("content-length")).toBe(how === "sized");
      let bytes = 0;
      for await (const piece of response.body ?? []) {
        if (piece.some((byte: number, index: number) => byte !== (bytes + index) % 251))
          throw new Error(`Wrong after ${bytes}`);
        bytes += piece.length;
      }
      expect(bytes).toBe(20_000_000);
    },
  );

  test("may be answered before its body was read, and its connection still serves the next call", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const post = async (path: string) => {
      const call = openRequest(`${functions.url}/early${path}`, { method: "POST", agent });
      call.end(Buffer.alloc(8_000_000));
      const [response] = await once(call, "response");
      return `${response.statusCode} ${Buffer.concat(await response.toArray())}`;
    };
    expect(await post("/unread")).toBe("413 too large");
    expect(await post("/read")).toBe("200 8000000");
    agent.destroy();
  });

  test("may be answered before its body was read when the client reads nothing before it has written all", async () => {
    const answer = await writeThenRead("POST", `${functions.url}/early/unread`, 50_000_000);
    expect(answer).toContain("HTTP/1.1 413 ");
    expect(answer).toContain("too large");
  });

  test("is aborted in the function when the client leaves", async () => {
    const leaving = new AbortController();
    const call = fetch(`${functions.url}/abandoned`, { signal: leaving.signal });
    (await beacon.reached("/called")).end();
    leaving.abort();
    await expect(call).rejects.toThrow();
    (await beacon.reached("/aborted")).end();
  });
});

describe("a call that the gateway refuses", () => {
  const withToken = (token: string) =>
    fetch(`${functions.url}/preflight`, { headers: { authorization: `Bearer ${token}` } });

  test("names a function that there is not", async () => {
    const response = await fetch(`${functions.url}/missing`, { headers: { "x-request-id": "req-2" } });
    expect(response.status).toBe(404);
    expect(response.headers.get("x-request-id")).toBe("req-2");
    expect(await response.json()).toEqual({ code: "NOT_FOUND", message: "Requested function was not found" });
  });

  test("has a method that functions do not take", async () => {
    expect((await fetch(`${functions.url}/echo`, { method: "HEAD" })).status).toBe(405);
  });

  test("lacks a valid token where verify_jwt is on", async () => {
    const { sign } = functions.keys;
    const now = Math.floor(Date.now() / 1000);
    const statuses = {
      none: (await fetch(`${functions.url}/preflight`)).status,
      malformed: (await withToken("not-a-token")).status,
      expired: (await withToken(await sign({ role: "anon", exp: now - 60 }))).status,
      forged: (await withToken(`${(await sign({ role: "anon", exp: now + 60 })).slice(0, -6)}AAAAAA`)).status,
    };
    expect(statuses).toEqual({ none: 401, malformed: 401, expired: 401, forged: 401 });
    expect(await (await withToken(functions.keys.anonKey)).text()).toBe("inside");
  });

  test("is never a CORS preflight: the function answers that itself", async () => {
    const response = await fetch(`${functions.url}/preflight`, { method: "OPTIONS" });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://console.example");
  });

  test("has a large body that the client writes to its end before it reads", async () => {
    expect(await writeThenRead("POST", `${functions.url}/missing`, 20_000_000)).toContain("NOT_FOUND");
    expect(await writeThenRead("POST", `${functions.url}/preflight`, 20_000_000)).toContain("UNAUTHORIZED");
    expect(await writeThenRead("POST", new URL("/nowhere", functions.url), 20_000_000)).toContain("no Route matched");
  });

  test("is for a path that nothing serves", async () => {
    expect((await fetch(new URL("/functions/v10/echo", functions.url))).status).toBe(404);
  });
});
