import type { TestCloud } from "../journeys/start-test-cloud.ts";

/** One change of a task's state, as the database made it, in the task's own order. */
export interface Entry {
  task: number;
  from: string;
  to: string;
  attempt: number;
  agent: string | null;
  /** Who held it before. */
  holder: string | null;
  resultUrl: string | null;
  reason: string | null;
  /** Milliseconds since 1970. */
  at: number;
  /** How long ago it had been claimed, in milliseconds. */
  heldMs: number;
}

const START = `
create schema chaos;
create table chaos.journal (
  seq bigint generated always as identity primary key, task_id bigint, from_state text, to_state text, attempt int,
  agent text, holder text, result_url text, reason text, at timestamptz, claimed_at timestamptz
);
create function chaos.note() returns trigger language plpgsql security definer set search_path = ''
as $$
begin
  insert into chaos.journal (task_id, from_state, to_state, attempt, agent, holder, result_url, reason, at, claimed_at)
  values (new.id, old.state, new.state, new.attempt, new.agent_id, old.agent_id, new.result_url,
          case when jsonb_array_length(new.reasons) > coalesce(jsonb_array_length(old.reasons), 0)
               then new.reasons -> -1 ->> 'reason' end, clock_timestamp(), new.claimed_at);
  return null;
end
$$;
create trigger chaos_note after update on corral.tasks
  for each row when (old.state <> new.state or old.attempt <> new.attempt or old.result_url is distinct from new.result_url)
  execute function chaos.note();
create trigger chaos_note after update on corral.finished_tasks
  for each row when (old.state <> new.state or old.attempt <> new.attempt or old.result_url is distinct from new.result_url)
  execute function chaos.note();`;

/** Has the database note every change of a task's state, in the transaction that makes it. */
export async function startJournal(cloud: TestCloud): Promise<void> {
  await cloud.sql(START);
}

export async function readJournal(cloud: TestCloud): Promise<Entry[]> {
  return cloud.sql<Entry>(
    `select task_id::float8 as task, from_state as from, to_state as to, attempt, agent, holder,
            result_url as "resultUrl", reason, extract(epoch from at)::float8 * 1000 as at,
            extract(epoch from at - claimed_at)::float8 * 1000 as "heldMs"
       from chaos.journal order by task_id, seq`,
  );
}
