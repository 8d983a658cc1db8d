import { getEventListeners } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SnapshotCache } from "../../../jobs/query/snapshot-cache.ts";
import type { QuerySnapshot } from "../../../shared/db/query-task.ts";

let dir: string;
let cache: SnapshotCache;
let fetched: string[];
let removed: string[];
/** What a download waits for. */
let gate: Promise<void>;

const never = new AbortController().signal;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "corral-cache-"));
  fetched = [];
  removed = [];
  gate = Promise.resolve();
  cache = new SnapshotCache({
    dir: join(dir, "cache"),
    maxBytes: 100,
    async download(folder, path) {
      fetched.push(folder);
      await gate;
      if (folder === "broken") throw new Error("no such snapshot");
      await writeFile(path, folder);
    },
    derive: async (from, to, { variant }) => writeFile(to, `${await readFile(from, "utf8")} as ${variant}`),
    onRemove: (key) => removed.push(key),
  });
});
afterEach(async () => {
  await cache.close();
  expect(await readdir(dir)).toEqual([]);
  await rm(dir, { recursive: true });
});

const snapshot = (folder: string, sizeBytes = 40, variant: string | null = null): QuerySnapshot => ({
  schema: "S",
  table: "T",
  version: "1",
  folder,
  sizeBytes,
  hiddenColumns: [],
  maskedColumns: [],
  variant,
});
const pin = (...snapshots: QuerySnapshot[]) => cache.pin(snapshots, never);

test("a snapshot is fetched once, however many ask for it at once", async () => {
  const pins = await Promise.all([pin(snapshot("a")), pin(snapshot("a")), pin(snapshot("a"))]);
  expect(fetched).toEqual(["a"]);
  expect(new Set(pins.flatMap(({ files }) => files)).size).toBe(1);
});

test("what nobody has used for longest makes room", async () => {
  for (const folder of ["a", "b", "a", "c"]) (await pin(snapshot(folder))).release();
  expect(fetched).toEqual(["a", "b", "c"]);
  expect(removed).toEqual(["b"]);
  (await pin(snapshot("a"))).release();
  expect(fetched).toEqual(["a", "b", "c"]);
  (await pin(snapshot("b"))).release();
  expect(fetched).toEqual(["a", "b", "c", "b"]);
});

test("what is in use stays, and who needs its room waits until it is free", async () => {
  await pin(snapshot("a"));
  const b = await pin(snapshot("b"));
  let isPinned = false;
  const waiting = pin(snapshot("c")).then((pinned) => {
    isPinned = true;
    return pinned;
  });
  await new Promise(setImmediate);
  expect([isPinned, fetched]).toEqual([false, ["a", "b"]]);
  b.release();
  const c = await waiting;
  expect(await readFile(c.files[0] ?? "", "utf8")).toBe("c");
  await expect(readFile(b.files[0] ?? "", "utf8")).rejects.toThrow("ENOENT");
});

test("who stops waiting for room is gone, and those behind go on", async () => {
  const a = await pin(snapshot("a", 80));
  const stop = new AbortController();
  const first = cache.pin([snapshot("b", 80)], stop.signal);
  const second = pin(snapshot("c", 20));
  stop.abort(new Error("no longer wanted"));
  await expect(first).rejects.toThrow("no longer wanted");
  (await second).release();
  a.release();
  expect(fetched).toEqual(["a", "c"]);
});

test("who stops waiting for a snapshot does not stop it for others", async () => {
  let open = () => {};
  gate = new Promise((resolve) => {
    open = resolve;
  });
  const stop = new AbortController();
  const first = cache.pin([snapshot("a")], stop.signal);
  const second = pin(snapshot("a"));
  stop.abort(new Error("no longer wanted"));
  await expect(first).rejects.toThrow("no longer wanted");
  open();
  expect((await second).files).toHaveLength(1);
  expect(fetched).toEqual(["a"]);
});

test("of many snapshots each does not listen to the signal by itself, which Node takes for a leak", async () => {
  let open: () => void = () => undefined;
  gate = new Promise((resolve) => {
    open = resolve;
  });
  const { signal } = new AbortController();
  const pinned = cache.pin(
    Array.from({ length: 20 }, (_, at) => snapshot(`many-${at}`, 1)),
    signal,
  );
  await expect.poll(() => fetched).toHaveLength(20);
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  open();
  expect((await pinned).files).toHaveLength(20);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("a snapshot that cannot be fetched is fetched again by the next who asks", async () => {
  await expect(pin(snapshot("broken"))).rejects.toThrow("no such snapshot");
  await expect(pin(snapshot("broken"))).rejects.toThrow("no such snapshot");
  expect(fetched).toEqual(["broken", "broken"]);
});

test("more than all the room is refused", async () => {
  await expect(pin(snapshot("a", 60), snapshot("b", 60))).rejects.toMatchObject({ code: "query_memory" });
});

test("what a grant leaves of a snapshot is made once, from the snapshot", async () => {
  const [some, all] = [await pin(snapshot("a", 10, "v1")), await pin(snapshot("a", 10))];
  await pin(snapshot("a", 10, "v1"));
  expect(await readFile(some.files[0] ?? "", "utf8")).toBe("a as v1");
  expect(await readFile(all.files[0] ?? "", "utf8")).toBe("a");
  expect(fetched).toEqual(["a"]);
});
