-- The way of an attempt: claimed by dispatch, launched, started by its container, kept alive by reports, ended.
-- Every call names its attempt; one that is no longer current is answered so and changes nothing.

create type corral.claim_outcome as enum ('claimed', 'not_due', 'gone');
create type corral.start_run_outcome as enum ('started', 'stale');
create type corral.progress_outcome as enum ('continue', 'stop');
create type corral.finish_outcome as enum ('finished', 'stale');

-- Locks a run, and before it the project, job or sync that it is about with its owner; answers null unless that attempt is
-- the newest.
create function corral.lock_attempt(p_run bigint, p_attempt int) returns corral.runs
language plpgsql set search_path = ''
as $$
declare
  v_run corral.runs := (select r from corral.runs r where id = p_run);
begin
  if v_run.job_id is not null then
    perform corral.lock_job(v_run.job_id, true);
  end if;
  perform from corral.syncs where id = v_run.sync_id for no key update;
  -- The owner too, since a message to him refers to his row.
  perform from public.users
   where id = (select user_id from public.projects where id = v_run.project_id) for key share;
  perform from public.projects where id = v_run.project_id for no key update;
  select * into v_run from corral.runs where id = p_run and attempt = p_attempt for no key update;
  return v_run;
end
$$;
revoke execute on function corral.lock_attempt from public;

-- Takes a queued run that is due for one launch, as a new attempt. However many ask, one gets it.
create function public.claim_run(p_run bigint)
returns table (outcome corral.claim_outcome, kind corral.run_kind, attempt int)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
    update corral.runs r
       set state = 'launching', attempt = r.attempt + 1, claimed_at = corral.now(),
           lease_expires_at = corral.now() + make_interval(secs => s.launch_lease_seconds),
           execution = null, launched_at = null, started_at = null, reported_at = null, phase = null, progress = null
      from corral.settings s
     where r.id = p_run and r.state = 'queued' and r.run_after <= corral.now()
    returning 'claimed'::corral.claim_outcome, r.kind, r.attempt;
  if not found then
    return query
      select case
               when exists (select from corral.runs where id = p_run and state = 'queued') then 'not_due'
               else 'gone'
             end::corral.claim_outcome, null::corral.run_kind, null::int;
  end if;
end
$$;

-- Notes the execution of an attempt; its container may have started by then. Answers whether the attempt is current.
create function public.record_launch(p_run bigint, p_attempt int, p_execution text) returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
  update corral.runs
     set execution = p_execution, launched_at = corral.now()
   where id = p_run and attempt = p_attempt and state in ('launching', 'running');
  return found;
end
$$;

-- Sends an attempt whose launch failed back to the queue, or gives the run up; a container that did start keeps it.
-- Answers whether the attempt was still waiting for its container.
create function public.fail_launch(p_run bigint, p_attempt int, p_error text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
  v_run corral.runs := corral.lock_attempt(p_run, p_attempt);
begin
  if v_run.state is distinct from 'launching' then
    return false;
  end if;
  perform corral.retry_run(v_run, 'launch_failed', 'The container could not be launched: ' || p_error, true, null);
  return true;
end
$$;

-- Begins an attempt in its container, once: whoever comes second is stale.
create function public.start_run(p_run bigint, p_attempt int, p_execution text)
returns table (outcome corral.start_run_outcome, kind corral.run_kind, subject text, args jsonb, lease_seconds int)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
    update corral.runs r
       set state = 'running', execution = coalesce(r.execution, p_execution),
           started_at = corral.now(), reported_at = corral.now(),
           lease_expires_at = corral.now() + make_interval(secs => s.lease_seconds)
      from corral.settings s
     where r.id = p_run and r.attempt = p_attempt and r.state = 'launching'
    returning 'started'::corral.start_run_outcome, r.kind, r.subject, r.args, s.lease_seconds;
  if not found then
    return query
      select 'stale'::corral.start_run_outcome, null::corral.run_kind, null::text, null::jsonb, null::int;
  end if;
end
$$;

-- Says that an attempt is alive and how far it is; answers stop when it is no longer the run's.
create function public.report_progress(p_run bigint, p_attempt int, p_phase text, p_progress jsonb default null)
returns corral.progress_outcome
language plpgsql security definer set search_path = ''
as $$
begin
  update corral.runs r
     set phase = p_phase, progress = p_progress, reported_at = corral.now(),
         lease_expires_at = corral.now() + make_interval(secs => s.lease_seconds)
    from corral.settings s
   where r.id = p_run and r.attempt = p_attempt and r.state = 'running';
  return case when found then 'continue' else 'stop' end;
end
$$;

-- Ends an attempt that failed: the run is repeated later, or given up. The same report twice has the same answer.
create function public.fail_run(
  p_run bigint, p_attempt int, p_code text, p_message text, p_retryable boolean default false,
  p_retry_after_seconds int default null
) returns corral.failure_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_run corral.runs := corral.lock_attempt(p_run, p_attempt);
begin
  if v_run.state = 'running' then
    return corral.retry_run(v_run, p_code, p_message, p_retryable, p_retry_after_seconds);
  end if;
  return case v_run.state when 'queued' then 'retrying' when 'failed' then 'failed' else 'stale' end;
end
$$;

-- Gives an attempt back that was told to stop: the run is due at once, and the attempt does not count as failed.
create function public.release_run(p_run bigint, p_attempt int) returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
  update corral.runs
     set state = 'queued', run_after = corral.now(), redeliver_at = corral.now(), lease_expires_at = null, phase = null
   where id = p_run and attempt = p_attempt and state = 'running';
  return found or exists (select from corral.runs where id = p_run and attempt = p_attempt and state = 'queued');
end
$$;

-- Ends a run whose work is done and published. The caller holds its lock.
create function corral.succeed_run(p_run bigint) returns void
language sql set search_path = ''
as $$
  update corral.runs
     set state = 'succeeded', lease_expires_at = null, finished_at = corral.now(), error_code = null,
         error_message = null
   where id = p_run
$$;
revoke execute on function corral.succeed_run from public;

-- Ends an attempt that did its work, for kinds whose work needs no publication.
create function public.finish_run(p_run bigint, p_attempt int, p_progress jsonb default null)
returns corral.finish_outcome
language plpgsql security definer set search_path = ''
as $$
begin
  update corral.runs
     set state = 'succeeded', progress = p_progress, lease_expires_at = null, finished_at = corral.now(),
         error_code = null, error_message = null
   where id = p_run and attempt = p_attempt and state = 'running'
     and project_id is null and job_id is null and sync_id is null;
  return case
    when found or exists (
      select from corral.runs
       where id = p_run and attempt = p_attempt and state = 'succeeded'
         and project_id is null and job_id is null and sync_id is null)
    then 'finished' else 'stale'
  end;
end
$$;

revoke execute on function
  public.claim_run, public.record_launch, public.fail_launch, public.start_run, public.report_progress,
  public.fail_run, public.release_run, public.finish_run
  from public, anon, authenticated;
grant execute on function
  public.claim_run, public.record_launch, public.fail_launch, public.start_run, public.report_progress,
  public.fail_run, public.release_run, public.finish_run
  to service_role;
