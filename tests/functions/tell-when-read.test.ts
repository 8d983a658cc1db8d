import { afterEach, expect, test, vi } from "vitest";
import { tellWhenRead } from "../../functions/api/tell-when-read.ts";

afterEach(() => vi.useRealTimers());

const BYTES = new Uint8Array(200_000).map((_, at) => at % 251);

test("a body is read whole, and told of once it is", async () => {
  const onRead = vi.fn();
  const reader = tellWhenRead(BYTES, onRead).getReader();
  const first = await reader.read();
  expect(onRead).not.toHaveBeenCalled();
  const chunks = [first.value ?? new Uint8Array()];
  for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
  expect(Buffer.concat(chunks)).toEqual(Buffer.from(BYTES));
  expect(onRead).toHaveBeenCalledTimes(1);
});

test("a body of nothing is told of when its end is read", async () => {
  const onRead = vi.fn();
  expect(await new Response(tellWhenRead(new Uint8Array(), onRead)).text()).toBe("");
  expect(onRead).toHaveBeenCalledTimes(1);
});

test("who hangs up is told of at once", async () => {
  const onRead = vi.fn();
  await tellWhenRead(BYTES, onRead).cancel();
  expect(onRead).toHaveBeenCalledTimes(1);
});

test("who takes too long is told of once, and still reads the rest", async () => {
  vi.useFakeTimers();
  const onRead = vi.fn();
  const body = tellWhenRead(BYTES, onRead, 1000);
  vi.advanceTimersByTime(999);
  expect(onRead).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(onRead).toHaveBeenCalledTimes(1);
  expect((await new Response(body).arrayBuffer()).byteLength).toBe(BYTES.length);
  expect(onRead).toHaveBeenCalledTimes(1);
});
