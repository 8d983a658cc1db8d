-- Runs are an outbox: one row per piece of work for a container, announced to functions/dispatch by pg_net.
-- Whoever locks several rows locks in this order: settings, user, project, job, table, sync, run.

create type corral.run_kind as enum (
  'kaggle-to-gcs', 'cleanup', 'split', 'aggregate', 'snowflake-catalog', 'snowflake-to-duckdb', 'query'
);
create type corral.run_state as enum ('queued', 'launching', 'running', 'succeeded', 'failed', 'cancelled');

create table corral.runs (
  id bigint generated always as identity primary key,
  kind corral.run_kind not null,
  subject text not null,
  args jsonb not null default '{}',
  state corral.run_state not null default 'queued',
  attempt int not null default 0,
  failures int not null default 0,
  max_attempts int not null,
  run_after timestamptz not null default corral.now(),
  redeliver_at timestamptz not null default corral.now(),
  request_id bigint,
  lease_expires_at timestamptz,
  execution text,
  phase text,
  progress jsonb,
  error_code text,
  error_message text,
  created_at timestamptz not null default corral.now(),
  claimed_at timestamptz,
  launched_at timestamptz,
  started_at timestamptz,
  reported_at timestamptz,
  finished_at timestamptz,
  project_id uuid generated always as (case when kind = 'kaggle-to-gcs' then subject::uuid end) stored,
  job_id bigint generated always as (case when kind in ('split', 'aggregate') then subject::bigint end) stored,
  sync_id bigint generated always as (case when kind = 'snowflake-to-duckdb' then subject::bigint end) stored,
  check ((lease_expires_at is not null) = (state in ('launching', 'running'))),
  check ((finished_at is not null) = (state in ('succeeded', 'failed', 'cancelled')))
) with (fillfactor = 70);
alter table corral.runs enable row level security;

comment on column corral.runs.subject is 'What the run is about: the project''s id for kaggle-to-gcs, the job''s for split and aggregate, the sync''s for snowflake-to-duckdb, a schema for snowflake-catalog, "bucket" for cleanup, "runner-1" and so on for query.';
comment on column corral.runs.attempt is 'Counts claims; only the newest attempt may write.';
comment on column corral.runs.failures is 'Counts failed attempts against max_attempts; one that was told to stop is none.';
comment on column corral.runs.redeliver_at is 'When the sweep announces the run again, unless it was claimed.';
comment on column corral.runs.request_id is 'The newest announcement in net.http_request_queue.';
comment on column corral.runs.lease_expires_at is 'When the attempt counts as dead.';
comment on column corral.runs.execution is 'The Cloud Run execution of the attempt.';

-- Never two live runs about the same thing.
create unique index runs_one_live_idx on corral.runs (kind, subject) where state in ('queued', 'launching', 'running');
-- The sweep reads these two, however long the history is. The second does not hold the lease: a report of progress,
-- which moves it every two seconds, touches no index.
create index runs_queued_idx on corral.runs (redeliver_at) where state = 'queued';
create index runs_leased_idx on corral.runs (id) where state in ('launching', 'running');
create index runs_newest_idx on corral.runs (subject, kind, id desc);
create index runs_finished_idx on corral.runs (finished_at) where finished_at is not null;

-- Adds a run that is due at once; answers its id, or null when one about the same thing is live.
create function corral.enqueue_run(p_kind corral.run_kind, p_subject text) returns bigint
language sql set search_path = ''
as $$
  insert into corral.runs (kind, subject, max_attempts)
  select p_kind, p_subject, s.max_attempts from corral.settings s
  on conflict (kind, subject) where state in ('queued', 'launching', 'running') do nothing
  returning id
$$;

-- The live run about something; null when there is none.
create function corral.find_live_run(p_kind corral.run_kind, p_subject text) returns bigint
language sql stable set search_path = ''
as $$
  select id from corral.runs
   where kind = p_kind and subject = p_subject and state in ('queued', 'launching', 'running')
$$;

-- Posts a run's id to functions/dispatch once the transaction commits; without the two secrets in Vault it warns.
create function corral.announce_run(p_run bigint) returns void
language plpgsql set search_path = ''
as $$
declare
  v_functions_url text := corral.read_secret('corral_functions_url');
  v_secret text := corral.read_secret('corral_dispatch_secret');
begin
  if v_functions_url is null or v_secret is null then
    raise warning 'Cannot announce run %: Vault lacks corral_functions_url or corral_dispatch_secret. Create them.', p_run;
    return;
  end if;
  update corral.runs
     set request_id = net.http_post(
           url => v_functions_url || '/dispatch',
           body => jsonb_build_object('run_id', p_run),
           headers => jsonb_build_object('Content-Type', 'application/json', 'Authorization', 'Bearer ' || v_secret),
           timeout_milliseconds => 10000),
         redeliver_at = corral.now() + make_interval(secs => s.redeliver_seconds)
    from corral.settings s
   where id = p_run;
end
$$;

-- Announces a run that has just become due.
create function corral.announce_due_run() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if new.run_after <= corral.now() then
    perform corral.announce_run(new.id);
  end if;
  return null;
end
$$;
create trigger runs_announce after insert or update of state on corral.runs
  for each row when (new.state = 'queued') execute function corral.announce_due_run();

revoke execute on function
  corral.enqueue_run, corral.find_live_run, corral.announce_run, corral.announce_due_run
  from public;
