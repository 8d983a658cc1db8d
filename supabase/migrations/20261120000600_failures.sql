-- What happens to a run whose attempt failed, and what its project's owner reads about it.

create type corral.failure_outcome as enum ('retrying', 'failed', 'stale');

-- Writes a line into a project's log; without a project it writes nothing.
create function corral.write_log(p_project uuid, p_message text, p_log_level text) returns void
language sql set search_path = ''
as $$
  insert into public.agent_logs (project_id, agent_name, message, log_level)
  select p_project, 'dataset', p_message, p_log_level where p_project is not null
$$;

-- Tells a project's owner something; a project without one has nobody to tell.
create function corral.write_message(p_project uuid, p_content text) returns void
language sql set search_path = ''
as $$
  insert into public.messages (user_id, role, content)
  select user_id, 'assistant', p_content from public.projects where id = p_project and user_id is not null
$$;

-- The pause after so many failures: from the base it doubles up to the ceiling, and a random half or more of that counts.
create function corral.backoff(p_failures int) returns interval
language sql volatile set search_path = ''
as $$
  select make_interval(
    secs => least(retry_base_seconds * 2.0 ^ least(p_failures - 1, 30), retry_ceiling_seconds) * (0.5 + random() / 2))
    from corral.settings
$$;

-- Ends a run as failed, and its project, job or sync with it, and tells the owner why. The caller holds the locks of all.
create function corral.give_up_run(p_run corral.runs, p_code text, p_message text) returns void
language plpgsql set search_path = ''
as $$
begin
  update corral.runs
     set state = 'failed', failures = p_run.failures + 1, lease_expires_at = null, finished_at = corral.now(),
         error_code = p_code, error_message = p_message
   where id = p_run.id;
  if p_run.job_id is not null then
    perform corral.give_up_job(p_run, p_code, p_message);
    return;
  elsif p_run.sync_id is not null then
    perform corral.give_up_sync(p_run.sync_id, p_code, p_message);
    return;
  end if;
  update public.projects set status = 'failed' where id = p_run.project_id;
  perform corral.write_log(p_run.project_id, p_message, 'error');
  perform corral.write_message(p_run.project_id, 'Could not get a dataset for your project: ' || p_message);
end
$$;

-- Puts a run whose attempt failed back into the queue, later by the backoff and no earlier than asked for; one that
-- cannot be helped, or has used up its attempts, is given up. The caller holds the locks of project and run.
create function corral.retry_run(
  p_run corral.runs, p_code text, p_message text, p_retryable boolean, p_retry_after_seconds int
) returns corral.failure_outcome
language plpgsql set search_path = ''
as $$
declare
  v_failures int := p_run.failures + 1;
  -- Those who were told the same time must not come back at the same time. A day is the most that anybody waits.
  v_asked interval := make_interval(secs => least(coalesce(p_retry_after_seconds, 0), 86400) * (1 + random() / 10));
  v_due timestamptz := corral.now() + greatest(corral.backoff(v_failures), v_asked);
begin
  if not p_retryable or v_failures >= p_run.max_attempts then
    perform corral.give_up_run(p_run, p_code, p_message);
    return 'failed';
  end if;
  update corral.runs
     set state = 'queued', failures = v_failures, run_after = v_due, redeliver_at = v_due, request_id = null,
         lease_expires_at = null, phase = null, error_code = p_code, error_message = p_message
   where id = p_run.id;
  perform corral.write_log(
    p_run.project_id, format('Attempt %s failed and is repeated: %s', p_run.attempt, p_message), 'warning');
  return 'retrying';
end
$$;

revoke execute on function
  corral.write_log, corral.write_message, corral.backoff, corral.give_up_run, corral.retry_run
  from public;
