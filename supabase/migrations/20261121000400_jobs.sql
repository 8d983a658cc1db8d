-- Jobs and their tasks. A job's tasks have the numbers 1 to total; a task's id says its job and its number, so that a
-- number drawn from the job's dispenser is all that it takes to find the task.

create type corral.job_status as enum ('PROCESSING', 'RUNNING', 'AGGREGATING', 'COMPLETED', 'FAILED', 'CANCELLED');
create type corral.task_state as enum ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED');
create type corral.aggregate_mode as enum ('none', 'concat', 'fedavg', 'auto');

create table corral.jobs (
  id bigint generated always as identity primary key check (id < 900000000),
  owner_id uuid references public.users on delete cascade,
  -- Made without a token: those who have none may see it.
  is_open boolean not null default false,
  swarm_id bigint not null references corral.swarms on delete cascade,
  project_id uuid references public.projects on delete set null,
  title text not null,
  status corral.job_status not null default 'PROCESSING',
  is_draft boolean not null default false,
  is_paused boolean not null default false,
  data_url text,
  data_file text,
  code_url text,
  requirements_url text,
  chunks int check (chunks between 1 and 9999999),
  rows_per_chunk bigint check (rows_per_chunk > 0),
  task_timeout_seconds int not null default 3600 check (task_timeout_seconds between 1 and 604800),
  max_attempts int not null default 3 check (max_attempts between 1 and 100),
  priority int not null default 0,
  requirement_id int not null references corral.requirements,
  aggregate corral.aggregate_mode not null default 'none',
  idempotency_key text,
  wishes_hash bytea,
  total_tasks int,
  total_rows bigint,
  completed_tasks int not null default 0,
  failed_tasks int not null default 0,
  final_result_url text,
  result_details jsonb,
  error_code text,
  error_message text,
  created_at timestamptz not null default corral.now(),
  published_at timestamptz,
  finished_at timestamptz,
  check (num_nonnulls(chunks, rows_per_chunk) = 1),
  check ((finished_at is not null) = (status in ('COMPLETED', 'FAILED', 'CANCELLED')))
);
alter table corral.jobs enable row level security;
-- Whoever names an owner without a token takes none of that owner's own keys.
create unique index jobs_idempotency_idx on corral.jobs (owner_id, is_open, idempotency_key) nulls not distinct
  where idempotency_key is not null;
create index jobs_owner_idx on corral.jobs (owner_id, id desc);
create index jobs_swarm_id_idx on corral.jobs (swarm_id);
create index jobs_project_id_idx on corral.jobs (project_id);
create index jobs_unfinished_idx on corral.jobs (id) where finished_at is null;
create index jobs_finished_idx on corral.jobs (finished_at) where finished_at is not null;
comment on column corral.jobs.completed_tasks is 'Final once the job is closed, or, where it was cancelled, its tasks put away; until then as of the last sweep.';
comment on column corral.jobs.is_draft is 'Its files are still being uploaded.';
comment on column corral.jobs.code_url is 'gs:// in our bucket, and only so are its objects named and ever signed; else the web address that agents fetch. So with data_url and requirements_url.';
comment on column corral.jobs.wishes_hash is 'Of what its maker wished: an idempotency key stands for that.';

create table corral.tasks (
  id bigint primary key,
  state corral.task_state not null default 'PENDING',
  attempt int not null default 0,
  failures int not null default 0,
  rows bigint,
  result_rows bigint,
  claimed_at timestamptz,
  finished_at timestamptz,
  progress real,
  agent_id text,
  request_id text,
  chunk text,
  result_url text,
  message text,
  reasons jsonb
-- A claim moves the row in its index; what follows, up to the end, finds room on the same page and touches no index.
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
alter table corral.tasks enable row level security;
-- An agent's newest claims, newest first: whoever looks stops at the first, however many there have been.
create index tasks_claims_idx on corral.tasks (agent_id, claimed_at desc) where agent_id is not null;
comment on column corral.tasks.attempt is 'Counts claims; only the newest may write.';
comment on column corral.tasks.failures is 'Counts failed attempts against the job''s max_attempts; one that was given back is none.';
comment on column corral.tasks.chunk is 'The URL of the part of the data that the task is about; gs:// in our bucket.';
comment on column corral.tasks.reasons is 'Why its newest attempts failed: [{attempt, reason, at, agent}].';

-- Where the tasks of closed jobs wait for the end of their retention, out of the way of those that are under way.
create table corral.finished_tasks (like corral.tasks including comments, primary key (id));
alter table corral.finished_tasks enable row level security;

-- The task that a job has under a number, and back. Like all that claims call for every row, they name nothing that a
-- search_path could change and set none: only so does Postgres inline them.
create function corral.task_id(p_job bigint, p_number bigint) returns bigint
language sql immutable
as $$ select p_job * 10000000 + p_number $$;
create function corral.job_of(p_task bigint) returns bigint
language sql immutable
as $$ select p_task / 10000000 $$;

-- A task that gave up, until retry_failed_tasks hands it out again. It names its job without a foreign key, which would
-- have whoever holds the task wait for whoever deletes the job, and he waits for the task.
create table corral.dead_letters (
  task_id bigint primary key,
  job_id bigint not null,
  failed_at timestamptz not null default corral.now()
);
alter table corral.dead_letters enable row level security;
create index dead_letters_job_id_idx on corral.dead_letters (job_id);

-- Leaves nothing of a job that is gone.
create function corral.forget_job() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  delete from corral.tasks where id between corral.task_id(old.id, 1) and corral.task_id(old.id, 9999999);
  delete from corral.finished_tasks where id between corral.task_id(old.id, 1) and corral.task_id(old.id, 9999999);
  -- After the tasks: whoever held one of them may have left these a moment ago.
  delete from corral.dead_letters where job_id = old.id;
  delete from corral.returns where job_id = old.id;
  update corral.runs
     set state = 'cancelled', lease_expires_at = null, finished_at = corral.now(),
         error_code = 'job_cancelled', error_message = 'The job was deleted.'
   where kind in ('split', 'aggregate') and subject = old.id::text and state in ('queued', 'launching', 'running');
  return null;
end
$$;
create trigger jobs_forget after delete on corral.jobs
  for each row execute function corral.forget_job();

revoke execute on function corral.task_id, corral.job_of, corral.forget_job from public;
