-- Attempts that fail or are given back, and agents that leave with theirs.

create type corral.task_failure_outcome as enum (
  'retrying', 'failed', 'returned', 'task_not_found', 'task_not_assigned', 'stale_attempt', 'job_cancelled',
  'agent_not_found', 'unauthorized'
);
create type corral.deregister_outcome as enum ('deregistered', 'agent_not_found', 'unauthorized');

-- Takes a running task from its agent and hands it out again, or lets it fail for good with its job's patience. What
-- p_counts is false for is no failure; it is due again after p_pause. The caller holds the task's lock and has judged
-- it. Answers its new state.
create function corral.return_task(
  p_task corral.tasks, p_reason text, p_counts boolean, p_retryable boolean, p_max_attempts int, p_pause interval
) returns corral.task_state
language plpgsql set search_path = ''
as $$
declare
  v_failures int := p_task.failures + p_counts::int;
  v_job bigint := corral.job_of(p_task.id);
  v_reasons jsonb := coalesce(p_task.reasons, '[]') || case
    when p_counts then jsonb_build_object(
      'attempt', p_task.attempt, 'reason', left(p_reason, 2000), 'at', corral.now(), 'agent', p_task.agent_id)
    else '[]'
  end;
begin
  if jsonb_array_length(v_reasons) > 10 then
    v_reasons := v_reasons - 0;
  end if;
  if p_counts and (not p_retryable or v_failures >= p_max_attempts) then
    update corral.tasks
       set state = 'FAILED', failures = v_failures, reasons = v_reasons, finished_at = corral.now()
     where id = p_task.id;
    insert into corral.dead_letters (task_id, job_id) values (p_task.id, v_job) on conflict do nothing;
    return 'FAILED';
  end if;
  update corral.tasks
     set state = 'PENDING', failures = v_failures, agent_id = null, request_id = null, progress = null,
         reasons = v_reasons
   where id = p_task.id;
  insert into corral.returns (task_id, job_id, due_at)
  values (p_task.id, v_job, corral.now() + p_pause)
  on conflict (task_id) do update set due_at = excluded.due_at;
  return 'PENDING';
end
$$;

-- Tells the queue that a job has tasks that came back; whoever finds the row locked leaves it to the sweep.
create function corral.note_returns(p_job bigint) returns void
language plpgsql set search_path = ''
as $$
declare
  v_queue corral.queue;
begin
  select * into v_queue from corral.queue where job_id = p_job and not has_returns for no key update skip locked;
  if found then
    update corral.queue set has_returns = true where job_id = p_job;
    perform corral.refresh_lane(v_queue.swarm_id, v_queue.lane_key, false);
  end if;
end
$$;

-- Why a call may not speak for an agent, as an outcome; null where it may.
create function corral.refuse_agent(p_agent text, p_token text) returns text
language sql stable set search_path = ''
as $$
  select case
    when a.id is null then 'agent_not_found'
    when not corral.may_speak(a, p_token, r.open_enrollment) then 'unauthorized'
  end
    from corral.reception r left join corral.agents a on a.id = p_agent
$$;

-- Ends an attempt that failed, or gives it back. The report of a failure has the same answer again: by the attempt where
-- that was the last, else by attempt and reason.
create function public.fail_task(
  p_agent text, p_task bigint, p_reason text, p_token text default null, p_attempt int default null,
  p_retryable boolean default true, p_give_back boolean default false
)
returns table (
  outcome corral.task_failure_outcome, job_id bigint, settle boolean, poll_after_seconds real, server_time timestamptz
)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_task corral.tasks;
  v_job corral.jobs := (select j from corral.jobs j where id = corral.job_of(p_task));
  v_refusal text := corral.refuse_agent(p_agent, p_token);
begin
  job_id := v_job.id;
  settle := false;
  server_time := corral.now();
  poll_after_seconds := (select poll_after from corral.reception);
  if v_refusal is null then
    select * into v_task from corral.tasks where id = p_task for no key update;
    if not found then
      v_task := corral.find_task(p_task);
    end if;
    v_refusal := corral.refuse_attempt(v_task, v_job.status, p_agent, p_attempt);
  end if;
  if v_refusal is not null then
    outcome := case
      when v_refusal = 'stale_attempt' and coalesce(p_attempt, v_task.attempt) = v_task.attempt and v_task.state = 'FAILED'
        and v_task.agent_id = p_agent then 'failed'
      when v_refusal = 'stale_attempt' and not p_give_back and exists (
             select from jsonb_array_elements(v_task.reasons) r
              where r ->> 'agent' = p_agent and (r -> 'attempt')::int = p_attempt
                and r ->> 'reason' = left(p_reason, 2000))
      then 'retrying'
      else v_refusal
    end;
    return next;
    return;
  end if;
  if corral.return_task(v_task, p_reason, not p_give_back, p_retryable, v_job.max_attempts,
       case when p_give_back then '0' else corral.backoff(v_task.failures + 1) end) = 'FAILED' then
    outcome := 'failed';
    settle := exists (select from corral.queue where job_id = v_job.id and not has_tickets);
  else
    outcome := case when p_give_back then 'returned' else 'retrying' end;
    if p_give_back then
      perform corral.note_returns(v_job.id);
    end if;
  end if;
  poll_after_seconds := 0;
  return next;
end
$$;

-- Removes an agent and gives its tasks back.
create function public.deregister_agent(p_agent text, p_token text default null)
returns table (outcome corral.deregister_outcome, tasks_returned int)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_task corral.tasks;
begin
  tasks_returned := 0;
  -- The agent before its tasks, as whoever deletes its owner.
  perform from corral.agents where id = p_agent for update;
  outcome := coalesce(corral.refuse_agent(p_agent, p_token), 'deregistered');
  if outcome = 'deregistered' then
    for v_task in
      select t.* from corral.tasks t
        join corral.jobs j on j.id = corral.job_of(t.id) and j.status = 'RUNNING'
       where t.agent_id = p_agent and t.state = 'RUNNING'
       order by t.id
         for no key update of t
    loop
      perform corral.return_task(v_task, '', false, true, 1, '0');
      perform corral.note_returns(corral.job_of(v_task.id));
      tasks_returned := tasks_returned + 1;
    end loop;
    delete from corral.agents where id = p_agent;
  end if;
  return next;
end
$$;

revoke execute on function
  corral.return_task, corral.note_returns, corral.refuse_agent, public.fail_task, public.deregister_agent
  from public, anon, authenticated;
grant execute on function public.fail_task, public.deregister_agent to service_role;
