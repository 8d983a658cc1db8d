-- The sweep: what a lost post, a dead container or a full queue left undone is done here, every ten seconds.

-- Locks a project and, before it, its owner; answers false, and leaves it alone, when somebody holds one of them.
-- No project needs no lock.
create function corral.try_lock_project(p_project uuid) returns boolean
language plpgsql set search_path = ''
as $$
declare
  v_owner uuid := (select user_id from public.projects where id = p_project);
begin
  perform from public.users where id = v_owner for key share skip locked;
  if not found and v_owner is not null then
    return false;
  end if;
  perform from public.projects where id = p_project for no key update skip locked;
  return found or p_project is null;
end
$$;

-- Sends the attempts whose lease has ended back to the queue, or gives their runs up; answers how many.
-- What somebody holds locked is left for the next sweep, so that one open transaction cannot hold up all the others.
create function corral.expire_leases() returns int
language plpgsql set search_path = ''
as $$
declare
  v_expired record;
  v_run corral.runs;
  v_count int := 0;
begin
  for v_expired in
    select id, attempt, project_id, job_id, sync_id from corral.runs
     where state in ('launching', 'running') and lease_expires_at < corral.now()
     limit 200
  loop
    continue when v_expired.job_id is not null and (corral.lock_job(v_expired.job_id, false)).id is null;
    continue when not corral.try_lock_project(v_expired.project_id);
    if v_expired.sync_id is not null then
      perform from corral.syncs where id = v_expired.sync_id for no key update skip locked;
      continue when not found;
    end if;
    -- Once more, under the lock: a report may have come, or the end.
    select * into v_run from corral.runs
     where id = v_expired.id and attempt = v_expired.attempt
       and state in ('launching', 'running') and lease_expires_at < corral.now()
       for no key update skip locked;
    continue when not found;
    perform corral.retry_run(v_run, 'lease_expired', case v_run.state
      when 'launching' then 'The container did not start in time.'
      else 'The container stopped reporting.'
    end, true, null);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;

-- Notes on a run that nobody claimed that its announcement was refused, and says so once in its project's log.
-- Only what is due to be announced again is looked at: pg_net has its answer by then, or will never have one.
create function corral.note_refusals() returns void
language plpgsql set search_path = ''
as $$
declare
  v_refused record;
  v_message text;
begin
  for v_refused in
    select r.id, r.project_id, a.status_code, a.error_msg
      from corral.runs r
      join net._http_response a on a.id = r.request_id and (a.status_code >= 400 or a.error_msg is not null)
     where r.state = 'queued' and r.redeliver_at <= corral.now() and r.error_code is distinct from 'dispatch_refused'
     limit 200
       -- Before its project, against the order: what waits for nobody can hold nobody up.
       for no key update of r skip locked
  loop
    continue when not corral.try_lock_project(v_refused.project_id);
    v_message := 'The dispatcher does not take the run: ' || case
      when v_refused.status_code is null then v_refused.error_msg || '.'
      when v_refused.status_code in (401, 403) then format(
        'it answers %s. Make the Vault secret corral_dispatch_secret its DISPATCH_SECRET.', v_refused.status_code)
      when v_refused.status_code = 404 then
        'nothing is there (404). Make the Vault secret corral_functions_url the URL of the functions.'
      else format('it answers %s. Its log says why.', v_refused.status_code)
    end;
    update corral.runs set error_code = 'dispatch_refused', error_message = v_message where id = v_refused.id;
    perform corral.write_log(v_refused.project_id, v_message || ' The run waits, and is announced again.', 'warning');
  end loop;
end
$$;

-- Announces the due runs that nobody claimed, unless pg_net still has the last announcement to send; answers how many.
create function corral.redeliver_runs() returns int
language plpgsql set search_path = ''
as $$
declare
  v_run bigint;
  v_count int := 0;
begin
  for v_run in
    select r.id from corral.runs r
     where r.state = 'queued' and r.redeliver_at <= corral.now()
       and not exists (select from net.http_request_queue q where q.id = r.request_id)
     order by r.redeliver_at
     limit 200
       for no key update skip locked
  loop
    perform corral.announce_run(v_run);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;

-- Puts right what went wrong since the last sweep; answers how much of each.
create function corral.sweep()
returns table (expired int, redelivered int, enqueued int)
language plpgsql set search_path = ''
as $$
begin
  expired := corral.expire_leases();
  perform corral.note_refusals();
  redelivered := corral.redeliver_runs();
  enqueued := case
    when (select auto_ingestion from corral.settings) then corral.enqueue_waiting_projects()
    else 0
  end;
  return next;
end
$$;

revoke execute on function
  corral.try_lock_project, corral.expire_leases, corral.note_refusals, corral.redeliver_runs, corral.sweep
  from public;

select cron.schedule('corral-sweep', '10 seconds', 'select corral.sweep()');
