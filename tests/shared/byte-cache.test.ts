import { expect, test, vi } from "vitest";
import { ByteCache } from "../../shared/byte-cache.ts";

/** Loads a name's own text, and costs as many bytes as it is told. */
const loader = (bytes = 1) => vi.fn(async (value: string) => ({ value, bytes }));
const getter = (cache: ByteCache<string>, load: ReturnType<typeof loader>) => (name: string) =>
  cache.get(name, () => load(name));

test("what is loaded stays, and is loaded once for all who ask at the same time", async () => {
  const load = loader();
  const get = getter(new ByteCache(10), load);
  expect(await Promise.all([get("a"), get("a")])).toEqual(["a", "a"]);
  expect(await get("a")).toBe("a");
  expect(load).toHaveBeenCalledTimes(1);
});

test("what was not used for the longest time makes room", async () => {
  const load = loader(4);
  const get = getter(new ByteCache(10), load);
  for (const name of ["a", "b", "a", "c", "a", "b"]) await get(name);
  expect(load.mock.calls.flat()).toEqual(["a", "b", "c", "b"]);
});

test("what is larger than all the room is answered, and keeps nothing else out", async () => {
  const small = loader(4);
  const cache = new ByteCache<string>(10);
  expect(await cache.get("huge", async () => ({ value: "huge", bytes: 11 }))).toBe("huge");
  const get = getter(cache, small);
  for (const name of ["a", "b", "a", "b"]) await get(name);
  expect(small).toHaveBeenCalledTimes(2);
});

test("what failed to load is loaded anew", async () => {
  const cache = new ByteCache<string>(10);
  await expect(cache.get("a", () => Promise.reject(new Error("away")))).rejects.toThrow("away");
  expect(await cache.get("a", async () => ({ value: "a", bytes: 1 }))).toBe("a");
});
