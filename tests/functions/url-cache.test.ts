import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createUrlCache } from "../../functions/agent/url-cache.ts";
import { MAX_LIFETIME_SECONDS } from "../../shared/cloud/sign-url.ts";

const HOUR = 3600;

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

/** A cache whose URLs say which signature they are and how long it lives. */
function startCache() {
  let signatures = 0;
  const read = createUrlCache(async (object, lifetime) => `${object}?n=${++signatures}&lifetime=${lifetime}`);
  return { read, signatures: () => signatures };
}

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

test("an object is signed once, while its URL is good for as long as it is needed", async () => {
  const { read } = startCache();
  const first = await read("code", HOUR);
  expect(first).toBe(`code?n=1&lifetime=${2 * HOUR}`);
  pass(HOUR - 1);
  expect(await read("code", HOUR)).toBe(first);
  pass(1);
  expect(await read("code", HOUR)).toBe(`code?n=2&lifetime=${2 * HOUR}`);
});

test("no URL is to live longer than Cloud Storage allows", async () => {
  const { read, signatures } = startCache();
  expect(await read("code", MAX_LIFETIME_SECONDS)).toContain(`lifetime=${MAX_LIFETIME_SECONDS}`);
  pass(MAX_LIFETIME_SECONDS / 2 - 1);
  await read("code", MAX_LIFETIME_SECONDS);
  expect(signatures()).toBe(1);
  pass(1);
  await read("code", MAX_LIFETIME_SECONDS);
  expect(signatures()).toBe(2);
});

test("those who ask at the same moment share a signature; other objects and needs have their own", async () => {
  const { read, signatures } = startCache();
  await Promise.all([read("code", HOUR), read("code", HOUR), read("other", HOUR), read("code", 2 * HOUR)]);
  expect(signatures()).toBe(3);
});

test("a signature that failed is tried again", async () => {
  let fails = true;
  const read = createUrlCache(async (object) => {
    if (fails) throw new Error("no key");
    return object;
  });
  await expect(read("code", HOUR)).rejects.toThrow("no key");
  fails = false;
  expect(await read("code", HOUR)).toBe("code");
});

test("however many jobs there are, only so many URLs are kept", async () => {
  const { read, signatures } = startCache();
  for (let job = 0; job <= 2000; job++) await read(`jobs/${job}/code`, HOUR);
  await read("jobs/2000/code", HOUR);
  expect(signatures()).toBe(2001);
  await read("jobs/0/code", HOUR);
  expect(signatures()).toBe(2002);
});
