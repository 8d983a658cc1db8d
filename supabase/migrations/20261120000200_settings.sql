-- What an operator may change while everything runs.

create table corral.settings (
  only_row boolean primary key default true check (only_row),
  auto_ingestion boolean not null default true,
  open_enrollment boolean not null default false,
  open_admin boolean not null default false,
  dataset_wait_seconds int not null default 60 check (dataset_wait_seconds >= 0),
  dataset_wait_ceiling_seconds int not null default 140 check (dataset_wait_ceiling_seconds between 0 and 145),
  max_dataset_size_gb numeric not null default 50 check (max_dataset_size_gb > 0),
  max_attempts int not null default 5 check (max_attempts > 0),
  launch_lease_seconds int not null default 600 check (launch_lease_seconds > 0),
  lease_seconds int not null default 60 check (lease_seconds >= 10),
  redeliver_seconds int not null default 10 check (redeliver_seconds > 0),
  retry_base_seconds int not null default 10 check (retry_base_seconds > 0),
  retry_ceiling_seconds int not null default 900 check (retry_ceiling_seconds > 0),
  run_retention_days int not null default 30 check (run_retention_days > 0),
  log_retention_days int not null default 90 check (log_retention_days > 0),
  cron_retention_days int not null default 2 check (cron_retention_days > 0)
);
alter table corral.settings enable row level security;
insert into corral.settings default values;

comment on column corral.settings.auto_ingestion is 'Whether a project that enters pending_dataset gets a run by itself.';
comment on column corral.settings.open_enrollment is 'Whether callers without a token may start an ingestion and read its status.';
comment on column corral.settings.open_admin is 'Whether callers without a token may do what admins do.';
comment on column corral.settings.dataset_wait_seconds is 'How long a start waits for the dataset unless the client asks for something else.';
comment on column corral.settings.dataset_wait_ceiling_seconds is 'How long a start waits at most; edge functions are cut off at 150.';
comment on column corral.settings.max_dataset_size_gb is 'The largest dataset taken, unless the project''s metadata has a max_dataset_size_gb of its own.';
comment on column corral.settings.max_attempts is 'How many attempts of a run may fail before it is given up; for runs made from now on.';
comment on column corral.settings.launch_lease_seconds is 'How long a container may take from its launch to its start.';
comment on column corral.settings.lease_seconds is 'How long a started container may stay silent.';
comment on column corral.settings.redeliver_seconds is 'After how long a run that nobody claimed is announced again.';
comment on column corral.settings.retry_base_seconds is 'The pause after a first failure, before jitter; it doubles with every further one.';
comment on column corral.settings.retry_ceiling_seconds is 'The longest pause between attempts, before jitter.';
comment on column corral.settings.run_retention_days is 'How long runs are kept after their end.';
comment on column corral.settings.log_retention_days is 'How long lines of agent_logs are kept.';
comment on column corral.settings.cron_retention_days is 'How long the details of cron runs and the replies to pg_net are kept.';

-- What a clerk of the API has to know before anything else: it also tells that Postgres answers.
create function public.get_health()
returns table (auto_ingestion boolean, dataset_wait_seconds int, dataset_wait_ceiling_seconds int)
language sql stable security definer set search_path = ''
as $$
  select auto_ingestion, dataset_wait_seconds, dataset_wait_ceiling_seconds from corral.settings
$$;
revoke execute on function public.get_health from public, anon, authenticated;
grant execute on function public.get_health to service_role;
