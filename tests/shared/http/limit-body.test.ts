import { Hono } from "hono";
import { afterEach, describe, expect, test, vi } from "vitest";
import { CorralError } from "../../../shared/errors.ts";
import { limitBody } from "../../../shared/http/limit-body.ts";

const MIB = 1024 * 1024;
const LIMIT = 2 * MIB;

const app = new Hono();
app.use(limitBody(LIMIT, "Two mebibytes are the most"));
app.post("/", async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)));
app.onError((error, c) => c.text(error.message, error instanceof CorralError ? 413 : 500));

afterEach(() => {
  vi.useRealTimers();
});

/** A body that comes in pieces of a mebibyte; after them it ends, or stays silent. */
function streamed(pieces: number, { ends = true } = {}) {
  const piece = new Uint8Array(MIB).fill(7);
  const seen = { read: 0, isCancelled: false };
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (seen.read < pieces) {
        seen.read += 1;
        controller.enqueue(piece);
      } else if (ends) controller.close();
      else return new Promise(() => undefined);
    },
    cancel: () => {
      seen.isCancelled = true;
    },
  });
  return { body, seen };
}

async function post(body: ReadableStream, headers: HeadersInit = {}) {
  const reply = await app.request("/", { method: "POST", body, headers, duplex: "half" } as RequestInit);
  return [reply.status, await reply.text()];
}

const sized = (pieces: number) => ({ "content-length": String(pieces * MIB) });
const TOO_LARGE = [413, "Two mebibytes are the most"];

test.each([0, 1, 2])("a body of %i mebibytes arrives whole, whether its length is told or not", async (pieces) => {
  expect(await post(streamed(pieces).body)).toEqual([200, String(pieces * MIB)]);
  expect(await post(streamed(pieces).body, sized(pieces))).toEqual([200, String(pieces * MIB)]);
});

describe.each([
  ["told", sized],
  ["not told", () => ({})],
])("a body that is too large, of which the length is %s,", (_, headers) => {
  test("is read to its end before it is refused", async () => {
    const { body, seen } = streamed(50);
    expect(await post(body, headers(50))).toEqual(TOO_LARGE);
    expect(seen).toEqual({ read: 50, isCancelled: false });
  });

  test("is not read without end", async () => {
    const { body, seen } = streamed(Number.POSITIVE_INFINITY);
    expect(await post(body, headers(1000))).toEqual(TOO_LARGE);
    expect(seen.isCancelled).toBe(true);
    expect(seen.read).toBeLessThan(75);
  });

  test("is refused even if the rest of it does not come", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { body, seen } = streamed(4, { ends: false });
    const reply = post(body, headers(5));
    await vi.waitFor(() => expect(seen.read).toBe(4));
    await vi.advanceTimersByTimeAsync(5000);
    expect(await reply).toEqual(TOO_LARGE);
    expect(seen.isCancelled).toBe(true);
  });
});

test("a client that goes away while its body is dropped is no failure", async () => {
  let piece = 0;
  const body = new ReadableStream({
    pull: (controller) => (piece++ < 4 ? controller.enqueue(new Uint8Array(MIB)) : controller.error(new Error("gone"))),
  });
  expect(await post(body)).toEqual(TOO_LARGE);
});
