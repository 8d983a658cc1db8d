import { afterAll, beforeAll, expect, test } from "vitest";
import { syntheticDataset } from "../../local/kaggle/synthetic-dataset.ts";
import { startTestCloud, type TestCloud } from "./start-test-cloud.ts";
import { waitFor } from "./wait-for.ts";

const MIB = 1024 * 1024;
/** Two projects for each, so that killed jobs also meet on one object. */
const REFS = ["lab/first", "lab/second", "lab/third", "lab/fourth", "lab/fifth"];
const KILLS = 10;

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
  for (const ref of REFS) cloud.kaggle.addDataset(syntheticDataset({ ref, bytes: 24 * MIB + 4711 }));
  for (const ref of REFS) {
    cloud.kaggle.faults.add({ on: "blob", ref, fault: { kind: "slow", bytesPerSecond: 2 * MIB }, times: 1000 });
  }
  await cloud.sql(
    "update corral.settings set launch_lease_seconds = 10, lease_seconds = 10, retry_base_seconds = 1, max_attempts = 20",
  );
  await cloud.sql("select cron.schedule('corral-sweep', '1 seconds', 'select corral.sweep()')");
});
afterAll(() => cloud.close());

interface Ended {
  status: string;
  attempt: number;
  name: string;
  gcs_url: string;
  size_bytes: string;
  crc32c: string;
}

test("SIGKILL at ten random moments ends with one dataset per project, right checksums and no stray parts", {
  timeout: 240_000,
}, async () => {
  const projects = await cloud.sql<{ id: string }>(
    `insert into public.projects (user_id, status, metadata)
     select $1, 'pending_dataset', jsonb_build_object('kaggle_ref', ref) from unnest($2::text[] || $2::text[]) ref
     returning id`,
    [cloud.info.owner.id, REFS],
  );
  for (let kill = 0; kill < KILLS; kill++) {
    const pid = await waitFor(async () => {
      const pids = cloud.containerPids();
      return pids[Math.floor(Math.random() * pids.length)];
    });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 700));
    tryKill(pid);
  }
  await waitFor(async () => {
    const [waiting] = await cloud.sql("select from public.projects where status = 'pending_dataset' limit 1");
    return waiting === undefined ? true : undefined;
  });

  const ended = await cloud.sql<Ended>(
    `select p.status, r.attempt, d.name, d.gcs_url, d.size_bytes, d.crc32c
       from public.projects p
       join public.datasets d on d.project_id = p.id
       join corral.runs r on r.subject = p.id::text
      where p.id = any ($1)`,
    [projects.map(({ id }) => id)],
  );
  expect(ended).toHaveLength(projects.length);
  for (const { status, name, size_bytes, crc32c } of ended) {
    expect(status).toBe("pending_training");
    const spec = syntheticDataset({ ref: name, bytes: 24 * MIB + 4711 });
    const truth = await spec.versions[0]?.archive?.hashes();
    expect({ size_bytes, crc32c }).toEqual({ size_bytes: String(24 * MIB + 4711), crc32c: truth?.crc32c });
  }
  expect(ended.some(({ attempt }) => attempt > 1)).toBe(true);
  expect(await cloud.list("raw/")).toEqual(REFS.map((ref) => `raw/${ref.replace("/", "_")}_v1.zip`).sort());
  expect(await cloud.list("tmp/")).toEqual([]);
});

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It ended by itself in the meantime.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
