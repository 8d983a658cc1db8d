-- The same tables, functions and rights as pg_cron 1.6; the scheduler is played from outside and listens on the
-- channel pg_cron_wake.
create schema cron;

create sequence cron.jobid_seq;
create table cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport int not null default current_setting('port')::int,
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);

create sequence cron.runid_seq;
create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);

create function cron.job_cache_invalidate() returns trigger
language plpgsql
as $$
begin
  perform pg_catalog.pg_notify('pg_cron_wake', '');
  return null;
end
$$;
create trigger cron_job_cache_invalidate after insert or update or delete or truncate on cron.job
  for each statement execute function cron.job_cache_invalidate();

-- The caller's jobs. The functions below write through it, since nobody may write to the table: the check keeps
-- even a role that bypasses RLS from scheduling as somebody else.
create view cron._own_job with (security_barrier) as
  select * from cron.job where username = current_user
  with check option;
grant select, insert, update, delete on cron._own_job to public;
grant usage on sequence cron.jobid_seq to public;

-- Whether a comma-separated field of a cron schedule is well-formed: `*`, `a`, `a-b`, each range with an optional step.
create function cron._is_field(field text, low int, high int, names text[] default '{}') returns boolean
language sql immutable strict
as $$
  select pg_catalog.bool_and(
    case
      when item ~ '^\*(/[1-9]\d*)?$' then true
      when bounds is null then false
      else bounds[1] between low and high
        and (pg_catalog.cardinality(bounds) = 1 or bounds[2] between bounds[1] and high)
    end)
    from pg_catalog.string_to_table(pg_catalog.lower(field), ',') item,
         lateral (
           select case
             when item ~ '^(\d{1,2}|[a-z]{3})(-(\d{1,2}|[a-z]{3})(/[1-9]\d*)?)?$' then array(
               select case when bound ~ '^\d' then bound::int else pg_catalog.array_position(names, bound) + low - 1 end
                 from pg_catalog.string_to_table(pg_catalog.split_part(item, '/', 1), '-') with ordinality b(bound, place)
                order by place)
           end
         ) parsed(bounds)
$$;

-- Whether it is five cron fields, a nickname such as @daily, or `N seconds` with N from 1 to 59.
create function cron._is_schedule(schedule text) returns boolean
language sql immutable strict
as $$
  select schedule ~* '^\s*([1-9]|[1-5]\d)\s+seconds?\s*$'
      or pg_catalog.lower(pg_catalog.btrim(schedule))
         in ('@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly', '@reboot')
      or coalesce((
        select pg_catalog.cardinality(f) = 5
           and cron._is_field(f[1], 0, 59)
           and cron._is_field(f[2], 0, 23)
           and (f[3] = '$' or cron._is_field(f[3], 1, 31))
           and cron._is_field(f[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}')
           and cron._is_field(f[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}')
          from pg_catalog.regexp_split_to_array(pg_catalog.btrim(schedule), '\s+') f), false)
$$;

create function cron._check_schedule(schedule text) returns void
language plpgsql immutable
as $$
begin
  if cron._is_schedule(schedule) is not true then
    raise exception 'invalid schedule: %', schedule
      using errcode = 'invalid_parameter_value',
            hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
  end if;
end
$$;

create function cron._is_superuser() returns boolean
language sql stable
as $$ select rolsuper from pg_catalog.pg_roles where rolname = current_user $$;

-- Adds a job to a database; one of that name of the same user is changed instead.
create function cron._schedule(
  job_name text, schedule text, command text, database text, username text, active boolean
) returns bigint
language plpgsql
as $$
#variable_conflict use_column
declare
  v_id bigint;
begin
  perform cron._check_schedule(_schedule.schedule);
  if coalesce(_schedule.username, current_user) <> current_user and not cron._is_superuser() then
    raise exception 'must be superuser to create a job for another role' using errcode = 'insufficient_privilege';
  end if;
  if cron._is_superuser() then
    insert into cron.job as j (jobname, schedule, command, database, username, active)
    values (
      job_name, _schedule.schedule, _schedule.command, _schedule.database,
      coalesce(_schedule.username, current_user), _schedule.active)
    on conflict on constraint jobname_username_uniq do update
      set schedule = excluded.schedule, command = excluded.command, database = excluded.database,
          active = excluded.active
    returning jobid into v_id;
  else
    insert into cron._own_job as j (jobname, schedule, command, database, active)
    values (
      job_name, _schedule.schedule, _schedule.command, _schedule.database,
      _schedule.active)
    on conflict (jobname, username) do update
      set schedule = excluded.schedule, command = excluded.command, database = excluded.database,
          active = excluded.active
    returning jobid into v_id;
  end if;
  return v_id;
end
$$;

-- Adds a job to the current database; one of that name of the same user is changed instead.
create function cron.schedule(job_name text, schedule text, command text) returns bigint
language plpgsql
as $$
begin
  if job_name is null then
    raise exception 'job_name can not be NULL' using errcode = 'invalid_parameter_value';
  end if;
  return cron._schedule(job_name, schedule, command, pg_catalog.current_database(), null, true);
end
$$;

-- Adds a job without a name to the current database.
create function cron.schedule(schedule text, command text) returns bigint
language sql strict
as $$ select cron._schedule(null, schedule, command, pg_catalog.current_database(), null, true) $$;

-- Adds a job to a database; one of that name of the same user is changed instead.
create function cron.schedule_in_database(
  job_name text, schedule text, command text, database text, username text default null, active boolean default true
) returns bigint
language sql
as $$ select cron._schedule(job_name, schedule, command, database, username, active) $$;

-- Changes a job of the caller; null keeps the present value.
create function cron.alter_job(
  job_id bigint, schedule text default null, command text default null, database text default null,
  username text default null, active boolean default null
) returns void
language plpgsql
as $$
#variable_conflict use_column
begin
  if alter_job.schedule is not null then
    perform cron._check_schedule(alter_job.schedule);
  end if;
  if cron._is_superuser() then
    update cron.job j
       set schedule = coalesce(alter_job.schedule, j.schedule), command = coalesce(alter_job.command, j.command),
           database = coalesce(alter_job.database, j.database), username = coalesce(alter_job.username, j.username),
           active = coalesce(alter_job.active, j.active)
     where j.jobid = job_id;
  else
    if alter_job.username is not null and alter_job.username <> current_user then
      raise exception 'must be superuser to alter username' using errcode = 'insufficient_privilege';
    end if;
    update cron._own_job j
       set schedule = coalesce(alter_job.schedule, j.schedule), command = coalesce(alter_job.command, j.command),
           database = coalesce(alter_job.database, j.database), active = coalesce(alter_job.active, j.active)
     where j.jobid = job_id;
  end if;
  if not found then
    raise exception 'Job % does not exist or you don''t own it', job_id;
  end if;
end
$$;

-- Removes a job of the caller.
create function cron.unschedule(job_id bigint) returns bool
language plpgsql strict
as $$
begin
  if cron._is_superuser() then
    delete from cron.job where jobid = job_id;
  else
    delete from cron._own_job where jobid = job_id;
  end if;
  if not found then
    raise exception 'could not find valid entry for job %', job_id;
  end if;
  return true;
end
$$;

-- Removes the job of that name of the caller.
create function cron.unschedule(job_name text) returns bool
language plpgsql strict
as $$
begin
  delete from cron._own_job where jobname = job_name;
  if not found then
    raise exception 'could not find valid entry for job ''%''', job_name;
  end if;
  return true;
end
$$;

revoke execute on function cron.schedule_in_database(text, text, text, text, text, boolean) from public;
revoke execute on function cron.alter_job from public;

grant select on cron.job to public;
grant select, delete on cron.job_run_details to public;

grant usage on schema cron to postgres with grant option;
grant all on all functions in schema cron to postgres with grant option;
grant all on cron.job_run_details to postgres with grant option;
grant select on cron.job to postgres with grant option;
