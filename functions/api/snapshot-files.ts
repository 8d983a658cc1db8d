import { z } from "zod";
import { ByteBudget } from "../../shared/byte-budget.ts";
import { ByteCache, type Loaded } from "../../shared/byte-cache.ts";
import type { Cell } from "../../shared/cell.ts";
import type { SignUrl } from "../../shared/cloud/sign-url.ts";
import { type TableProfile, tableProfile } from "../../shared/profile/read-profile.ts";
import { fetchObject, unavailable } from "./fetch-object.ts";

const READ_SECONDS = 60;
/** Of files' text: parsed it takes up to six times as much, and a function has 256 MB. */
const KEPT_BYTES = 16 * 1024 * 1024;
const LOADING_BYTES = 16 * 1024 * 1024;

/** Rows are not looked into: our own job has written them, and there are too many. */
const rows = z.custom<Cell[][]>((value) => Array.isArray(value) && value.every(Array.isArray));

const sampleFile = z.object({
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  total_rows: z.int(),
  first: rows,
  random: rows,
});

/** What a sync has drawn from a table: its first rows, and others uniformly at random. */
export type Sample = z.infer<typeof sampleFile>;

export type SnapshotFiles = ReturnType<typeof createSnapshotFiles>;

/** Reads what lies beside snapshots' tables. It never changes, so that what is often asked for stays in memory. */
export function createSnapshotFiles({ sign }: { sign: SignUrl }) {
  const samples = new ByteCache<Sample>(KEPT_BYTES);
  const profiles = new ByteCache<TableProfile>(KEPT_BYTES / 4);
  const loading = new ByteBudget(LOADING_BYTES);

  async function load<File>(object: string, schema: z.ZodType<File>): Promise<Loaded<File>> {
    const url = await sign({ method: "GET", object, lifetimeSeconds: READ_SECONDS });
    const stored = (await fetchObject(url)) ?? unavailable(`${object} is not there`);
    const release = await loading.take(Number(stored.headers.get("content-length") ?? LOADING_BYTES));
    try {
      const text = await stored.text();
      return { value: schema.parse(JSON.parse(text)), bytes: text.length };
    } finally {
      release();
    }
  }

  return {
    readSample: (folder: string) => samples.get(folder, () => load(`snapshots/${folder}/sample.json`, sampleFile)),
    readProfile: (folder: string) => profiles.get(folder, () => load(`snapshots/${folder}/profile.json`, tableProfile)),
  };
}
