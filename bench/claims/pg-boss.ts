import PgBoss from "pg-boss";
import { type Contender, type Round, runRounds } from "./contender.ts";
import { connect } from "./start-arena.ts";

const QUEUE = "work";
const INSERT_AT_ONCE = 10_000;

/**
 * pg-boss as its documentation has it: `fetch` and `complete` of its own pool, with a connection per caller, its
 * maintenance on. Without priorities, which it need not sort by then.
 */
export async function createPgBoss(url: string, { batch = 1, withIndex = false } = {}): Promise<Contender> {
  const admin = await connect(url);
  const boss = await startBoss(url, 2);
  if ((await boss.getQueue(QUEUE)) === null) await boss.createQueue(QUEUE);
  // Not one of its own: what it would take to find the next job without sorting all that are ready.
  if (withIndex)
    await admin.query(
      "create index bench_fetch_idx on pgboss.job (name, created_on, id) where state < 'active'::pgboss.job_state",
    );
  return {
    title: `pg-boss${withIndex ? " with an index of ours" : ""}${batch > 1 ? `, batches of ${batch}` : ""}`,
    batch,
    async fill(tasks) {
      await admin.query("truncate pgboss.job");
      for (let left = tasks; left > 0; left -= INSERT_AT_ONCE) {
        const data = { chunk: "gs://bench/jobs/1/chunks/00001.csv" };
        await boss.insert(Array.from({ length: Math.min(left, INSERT_AT_ONCE) }, () => ({ name: QUEUE, data })));
      }
      await admin.query("vacuum analyze pgboss.job");
    },
    async open(callers) {
      const own = await startBoss(url, callers);
      const rounds = Array.from({ length: callers }, () => pairRound(own, batch));
      return {
        run: (limits) => runRounds(rounds, limits),
        close: () => own.stop({ graceful: false, wait: true }),
      };
    },
    async close() {
      await boss.stop({ graceful: false, wait: true });
      await admin.end();
    },
  };
}

async function startBoss(connectionString: string, max: number): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString, max, schedule: false });
  boss.on("error", (error) => process.stderr.write(`pg-boss: ${error.message}\n`));
  return boss.start();
}

function pairRound(boss: PgBoss, batch: number): Round {
  const options = { batchSize: batch, priority: false };
  if (batch > 1)
    return async () => {
      const jobs = await boss.fetch(QUEUE, options);
      if (jobs.length > 0)
        await boss.complete(
          QUEUE,
          jobs.map(({ id }) => id),
        );
      return jobs.length;
    };
  return async () => {
    const [job] = await boss.fetch(QUEUE, options);
    if (job === undefined) return 0;
    await boss.complete(QUEUE, job.id, { result: "gs://bench/result.csv" });
    return 1;
  };
}
