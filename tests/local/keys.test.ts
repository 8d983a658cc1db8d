import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadKeys } from "../../local/keys.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "corral-keys-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a data folder keeps its keys from one start to the next", async () => {
  const { sign: _first, ...first } = await loadKeys(folder);
  const { sign: _second, ...second } = await loadKeys(folder);
  expect(second).toEqual(first);
  expect(first.storageHmac).toEqual({
    accessId: expect.stringMatching(/^GOOG1[A-Z2-7]{56}$/),
    secret: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/),
  });
});

test("keys of an older version, which had no HMAC key, get one and stay as they are", async () => {
  const file = join(folder, "keys.json");
  await loadKeys(folder);
  const { storageHmac: _new, ...older } = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify(older));
  const { storageHmac } = await loadKeys(folder);
  expect(storageHmac.secret).toHaveLength(40);
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({ ...older, storageHmac });
});
