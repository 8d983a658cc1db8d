import type pg from "pg";
import { type Contender, type Round, runRounds } from "./contender.ts";
import { connect, connectMany } from "./start-arena.ts";

const SCHEMA = `
create table if not exists tasks (
  id bigint primary key,
  state text not null default 'ready',
  attempt int not null default 0,
  agent_id text,
  claimed_at timestamptz,
  finished_at timestamptz,
  chunk text,
  result_url text
) with (fillfactor = 60);
create index if not exists tasks_ready_idx on tasks (id) where state = 'ready'`;

const CLAIM = `
update tasks set state = 'running', attempt = attempt + 1, agent_id = $1, claimed_at = now()
 where id = (select id from tasks where state = 'ready' order by id limit 1 for update skip locked)
returning id, attempt, chunk`;
const COMPLETE = `
update tasks set state = 'done', result_url = 'gs://bench/result.csv', finished_at = now()
 where id = $1 and agent_id = $2 and state = 'running'`;
const CLAIM_MANY = `
with due as materialized (
  select id from tasks where state = 'ready' order by id limit $2 for update skip locked
)
update tasks t set state = 'running', attempt = attempt + 1, agent_id = $1, claimed_at = now()
  from due where t.id = due.id
returning t.id, t.attempt, t.chunk`;
const COMPLETE_MANY = `
update tasks set state = 'done', result_url = 'gs://bench/result.csv', finished_at = now()
 where id = any ($1::bigint[]) and agent_id = $2 and state = 'running'`;

/** What most people write themselves: one table, SKIP LOCKED, a partial index over what is ready; nothing else. */
export async function createPlain(url: string, { batch = 1, completed = 0 } = {}): Promise<Contender> {
  const admin = await connect(url);
  await admin.query("set statement_timeout = 0");
  await admin.query(SCHEMA);
  return {
    title: `plain SKIP LOCKED${batch > 1 ? `, batches of ${batch}` : ""}`,
    batch,
    async fill(tasks) {
      await admin.query("truncate tasks");
      await admin.query(
        `insert into tasks (id, state, agent_id, claimed_at, finished_at, chunk)
         select n, case when n <= $1::int then 'done' else 'ready' end,
                case when n <= $1 then 'agent-' || n % 64 end, case when n <= $1 then now() end,
                case when n <= $1 then now() end, format('gs://bench/jobs/1/chunks/%s.csv', lpad(n::text, 5, '0'))
           from generate_series(1, $2::int) n`,
        [completed, completed + tasks],
      );
      await admin.query("vacuum analyze tasks");
    },
    async open(callers) {
      const clients = await connectMany(url, callers);
      const rounds = clients.map((client, index) => pairRound(client, `agent-${index}`, batch));
      return {
        run: (limits) => runRounds(rounds, limits),
        close: async () => void (await Promise.all(clients.map((client) => client.end()))),
      };
    },
    close: () => admin.end(),
  };
}

function pairRound(client: pg.Client, agent: string, batch: number): Round {
  if (batch > 1)
    return async () => {
      const { rows } = await client.query({ name: "claim", text: CLAIM_MANY, values: [agent, batch] });
      const ids = rows.map(({ id }) => id);
      await client.query({ name: "complete", text: COMPLETE_MANY, values: [ids, agent] });
      return ids.length;
    };
  return async () => {
    const { rows } = await client.query({ name: "claim", text: CLAIM, values: [agent] });
    if (rows.length === 0) return 0;
    await client.query({ name: "complete", text: COMPLETE, values: [rows[0].id, agent] });
    return 1;
  };
}
