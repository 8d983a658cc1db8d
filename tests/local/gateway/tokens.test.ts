import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { bearerToken, createTokenVerifier } from "../../../local/gateway/tokens.ts";
import { type Keys, loadKeys } from "../../../local/keys.ts";

const folders: string[] = [];
const newKeys = async () => {
  const folder = await mkdtemp(join(tmpdir(), "corral-tokens-"));
  folders.push(folder);
  return loadKeys(folder);
};

let keys: Keys;
beforeAll(async () => {
  keys = await newKeys();
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

test("a token of ours gives its claims", async () => {
  const verify = createTokenVerifier(keys.jwks);
  expect(await verify(await keys.sign({ role: "anon", exp: inSeconds(60) }))).toMatchObject({ role: "anon" });
});

test("a token stops being good when it expires, also when it was good before", async () => {
  const verify = createTokenVerifier(keys.jwks);
  const token = await keys.sign({ role: "anon", exp: inSeconds(60) });
  await verify(token);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
  await expect(verify(token)).rejects.toThrow('"exp" claim timestamp check failed');
});

test("a token of someone else's is refused", async () => {
  const stranger = await newKeys();
  const token = await stranger.sign({ role: "service_role", exp: inSeconds(60) });
  await expect(createTokenVerifier(keys.jwks)(token)).rejects.toThrow();
});

test("a token that names no algorithm is refused", async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "none", typ: "JWT" })}.${part({ role: "service_role" })}.`;
  await expect(createTokenVerifier(keys.jwks)(token)).rejects.toThrow();
});

test("the bearer's token is read from the header whatever its case", () => {
  expect(bearerToken(new Headers({ authorization: "bearer  abc " }))).toBe("abc");
  expect(bearerToken(new Headers({ authorization: "Basic abc" }))).toBeUndefined();
  expect(bearerToken(new Headers())).toBeUndefined();
});
