import { findQueueFaults } from "../db/find-queue-faults.ts";
import type { TestCloud } from "../journeys/start-test-cloud.ts";
import type { OwnedJob } from "./owners.ts";

interface JobRow {
  id: number;
  key: string;
  status: string;
  total: number;
  completed: number;
  failed: number;
  rows: number;
  /** Recounts over all of its tasks. */
  tasks: number;
  numbers: number;
  done: number;
  gaveUp: number;
  cancelled: number;
  chunkRows: number;
}

const JOBS = `
select j.id::float8 as id, j.idempotency_key as key, j.status, j.total_tasks as total, j.completed_tasks as completed,
       j.failed_tasks as failed, j.total_rows::float8 as rows, t.*
  from corral.jobs j
 cross join lateral (
   select count(*)::int as tasks, count(distinct id)::int as numbers,
          count(*) filter (where state = 'COMPLETED')::int as done,
          count(*) filter (where state = 'FAILED')::int as "gaveUp",
          count(*) filter (where state = 'CANCELLED')::int as cancelled, coalesce(sum(rows), 0)::float8 as "chunkRows"
     from (select id, state, rows from corral.tasks union all select id, state, rows from corral.finished_tasks) every
    where corral.job_of(id) = j.id
 ) t
 order by j.id`;

/** What must be empty once all jobs are over and put away. */
const LEFTOVERS = `
select 'the queue' as what, count(*)::int as rows from corral.queue
union all select 'leases', count(*)::int from corral.leases
union all select 'returns', count(*)::int from corral.returns
union all select 'lanes', count(*)::int from corral.lanes
union all select 'dead letters', count(*)::int from corral.dead_letters
union all select 'lent dispensers', count(*)::int from corral.dispensers where job_id is not null
union all select 'swarms that count lanes', count(*)::int from corral.swarms where lanes <> 0
union all select 'hot tasks', count(*)::int from corral.tasks
union all select 'runs that are not over', count(*)::int from corral.runs where finished_at is null
union all select 'runs that failed', count(*)::int from corral.runs where state = 'failed'
union all select 'tasks that were claimed or ended at an impossible time', count(*)::int from corral.finished_tasks
           where not (coalesce(claimed_at, $1) between $1 and now() and coalesce(finished_at, $1) between $1 and now())`;

/** What the database has that it must not have once every job is over. */
export async function checkDatabase(cloud: TestCloud, jobs: OwnedJob[], startedAt: Date): Promise<string[]> {
  const faults = await findQueueFaults(cloud);
  const rows = await cloud.sql<JobRow>(JOBS);
  for (const { key, id, kind, chunks, rows: wanted } of jobs) {
    const made = rows.filter((row) => row.key === key);
    const [row] = made;
    if (made.length !== 1 || row === undefined || row.id !== id) {
      faults.push(`${key} was made ${made.length} times`);
      continue;
    }
    const expect = (what: string, found: unknown, expected: unknown) => {
      if (found !== expected) faults.push(`${key} (${kind}, ${row.status}): ${what} is ${found}, not ${expected}`);
    };
    const statuses = kind === "cancelled" ? ["CANCELLED", "COMPLETED"] : ["COMPLETED"];
    if (!statuses.includes(row.status)) faults.push(`${key} (${kind}) is ${row.status}`);
    expect("the number of its tasks", row.tasks, chunks);
    expect("the number of their numbers", row.numbers, chunks);
    expect("its total", row.total, chunks);
    expect("its rows", row.rows, wanted);
    expect("the rows of its chunks", row.chunkRows, wanted);
    expect("its count of completed tasks", row.completed, row.done);
    expect("its count of failed tasks", row.failed, row.gaveUp);
    expect("the number of tasks that ended", row.done + row.gaveUp + row.cancelled, chunks);
    // What had failed when its job was cancelled cannot be handed out again.
    if (row.status === "COMPLETED") expect("the number of tasks done", row.done, chunks);
  }
  if (rows.length !== jobs.length) faults.push(`there are ${rows.length} jobs where ${jobs.length} were made`);
  for (const { what, rows: count } of await cloud.sql<{ what: string; rows: number }>(LEFTOVERS, [startedAt])) {
    if (count > 0) faults.push(`left over: ${what}, ${count}`);
  }
  return faults;
}
