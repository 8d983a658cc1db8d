import type pg from "pg";

export interface TasksToAdd {
  /** How many can be claimed. */
  ready: number;
  /** How many are completed already, by the agents agent-0 to agent-63 in turn; the ready ones come after them. */
  completed?: number;
  /** The chunks' URLs as an SQL expression over the task's number n. */
  chunk?: string;
}

/**
 * Adds a job that was split into so many tasks, as the split leaves it behind, at once; answers its id. Takes a
 * superuser's connection.
 */
export async function addTasks(
  client: pg.Client,
  { ready, completed = 0, chunk = CHUNK }: TasksToAdd,
): Promise<number> {
  const total = ready + completed;
  await client.query("set statement_timeout = 0");
  await client.query("begin");
  // The dispenser belongs to whoever makes it, and our functions run as this one.
  await client.query("set local role postgres");
  const { rows } = await client.query<{ id: string }>(
    `insert into corral.jobs (swarm_id, title, status, requirement_id, chunks, total_tasks, completed_tasks,
                              published_at, data_url, code_url)
     select id, 'bench', 'RUNNING', corral.resolve_requirement(null, null, null), $1, $1, $2, now(),
            'https://example.com/data.csv', 'https://example.com/train.py'
       from corral.swarms where name = 'default'
     returning id`,
    [total, completed],
  );
  const job = Number(rows[0]?.id);
  await client.query(
    `insert into corral.tasks (id, chunk, rows, state, attempt, agent_id, claimed_at, finished_at, progress)
     select corral.task_id($1, n), ${chunk}, 1000,
            case when n > $2::int then 'PENDING' else 'COMPLETED' end::corral.task_state, (n <= $2)::int,
            case when n <= $2 then 'agent-' || n % 64 end, case when n <= $2 then now() end,
            case when n <= $2 then now() end, case when n <= $2 then 1 end
       from generate_series(1, $3::int) n`,
    [job, completed, total],
  );
  await client.query("select corral.open_queue(j, true) from corral.jobs j where id = $1", [job]);
  if (completed > 0) {
    await client.query("select setval(sequence, $2) from corral.queue where job_id = $1", [job, completed]);
    await client.query("update corral.queue set folded = $2 where job_id = $1", [job, completed]);
  }
  await client.query("commit");
  return job;
}

const CHUNK = "format('gs://bench/jobs/1/chunks/%s.csv', lpad(n::text, 5, '0'))";

/** Forgets all jobs with all of their tasks. */
export async function forgetTasks(client: pg.Client): Promise<void> {
  await client.query("begin");
  await client.query(
    "truncate corral.tasks, corral.finished_tasks, corral.returns, corral.leases, corral.dead_letters",
  );
  await client.query("select corral.close_queue(job_id) from corral.queue");
  await client.query("delete from corral.jobs");
  await client.query("commit");
}
