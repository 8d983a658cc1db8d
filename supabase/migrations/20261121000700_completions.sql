-- How attempts end: completed, failed, or given back. Every call says whose attempt it is; one that is not the task's
-- newest changes nothing, however late or often it comes.

create type corral.completion_outcome as enum (
  'completed', 'task_not_found', 'task_not_assigned', 'stale_attempt', 'job_cancelled', 'agent_not_found',
  'unauthorized'
);
create type corral.task_failure_outcome as enum (
  'retrying', 'failed', 'returned', 'task_not_found', 'task_not_assigned', 'stale_attempt', 'job_cancelled',
  'agent_not_found', 'unauthorized'
);
create type corral.task_progress_outcome as enum (
  'continue', 'stop', 'task_not_found', 'agent_not_found', 'unauthorized'
);
create type corral.upload_outcome as enum (
  'allowed', 'task_not_found', 'task_not_assigned', 'stale_attempt', 'job_cancelled', 'agent_not_found', 'unauthorized'
);
create type corral.deregister_outcome as enum ('deregistered', 'agent_not_found', 'unauthorized');

-- A task wherever it is: under way, or put away with its job; null when there is none.
create function corral.find_task(p_task bigint) returns corral.tasks
language plpgsql stable set search_path = ''
as $$
declare
  v_task corral.tasks;
begin
  select * into v_task from corral.tasks where id = p_task;
  if not found then
    select * into v_task from corral.finished_tasks where id = p_task;
  end if;
  return v_task;
end
$$;

-- Why an agent may not write to a task, as an outcome; null where it may: the task runs, and in the agent's hands.
-- Without an attempt it speaks of the one that it holds.
create function corral.refuse_attempt(p_task corral.tasks, p_job_status corral.job_status, p_agent text, p_attempt int)
returns text
language sql immutable
as $$
  select case
    when p_task.id is null then 'task_not_found'
    when p_attempt is not null and (p_attempt <> p_task.attempt or p_task.state = 'PENDING') then 'stale_attempt'
    when p_task.agent_id is distinct from p_agent then 'task_not_assigned'
    when p_job_status = 'CANCELLED' or p_task.state = 'CANCELLED' then 'job_cancelled'
    when p_task.state <> 'RUNNING' then 'stale_attempt'
  end
$$;

-- One call that says a task is done, and what came of it; outcome is null while there is nothing against it.
create type corral.completion as (
  call int,
  agent text,
  task bigint,
  attempt int,
  result_url text,
  rows bigint,
  outcome corral.completion_outcome,
  job_id bigint,
  is_drained boolean
);

-- Judges calls that say tasks are done, by what there is at this moment. Every look-up goes by a key, one call at a
-- time: offset 0 keeps Postgres from starting at the other end while a table is small, and staying there.
create function corral.judge_completions(p_calls jsonb, p_open boolean) returns corral.completion[]
language plpgsql set search_path = ''
as $$
begin
  return array(
    select (
        c.call, c.agent, c.task, (t.task).attempt, c.result_url, c.rows,
        case
          when (a.agent).id is null then 'agent_not_found'
          when not corral.may_speak(a.agent, c.token, p_open) then 'unauthorized'
          when (t.task).agent_id = c.agent and (c.attempt is null or c.attempt = (t.task).attempt)
            and ((t.task).state = 'COMPLETED' or (t.task).state = 'RUNNING' and j.status = 'RUNNING')
          -- As nearly always: it can be done, or was done by this very call.
          then case when (t.task).state = 'COMPLETED' then 'completed' end
          else corral.refuse_attempt(t.task, j.status, c.agent, c.attempt)
        end::corral.completion_outcome,
        j.id, not q.has_tickets
      )::corral.completion
      from jsonb_to_recordset(p_calls) as c (
             call int, agent text, token text, task bigint, attempt int, result_url text, rows bigint)
      left join lateral (select x as agent from corral.agents x where x.id = c.agent offset 0) a on true
      left join lateral (select x as task from corral.tasks x where x.id = c.task offset 0) h on true
      left join lateral (
        select x.id, x.status from corral.jobs x where x.id = corral.job_of(c.task) offset 0
      ) j on true
      left join lateral (select x.has_tickets from corral.queue x where x.job_id = j.id offset 0) q on true
     cross join lateral (
       select case when (h.task).id is null then corral.find_task(c.task) else h.task end as task
     ) t);
end
$$;

-- The same as judge_completions and complete_tasks for one call, in plain look-ups: one big statement costs more to
-- start than all of these.
create function corral.complete_task(p_call jsonb, p_now timestamptz)
returns table (
  call int, outcome corral.completion_outcome, job_id bigint, settle boolean, poll_after_seconds real,
  server_time timestamptz
)
language plpgsql set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id text := p_call ->> 'agent';
  v_attempt int := (p_call ->> 'attempt')::int;
  v_task_id bigint := (p_call ->> 'task')::bigint;
  v_agent corral.agents;
  v_task corral.tasks;
  v_status corral.job_status;
  v_open boolean;
begin
  call := (p_call ->> 'call')::int;
  server_time := p_now;
  select r.open_enrollment, r.poll_after into v_open, poll_after_seconds from corral.reception r;
  select * into v_agent from corral.agents where id = v_id;
  select j.id, j.status into job_id, v_status from corral.jobs j where j.id = corral.job_of(v_task_id);
  settle := false;
  outcome := case
    when v_agent.id is null then 'agent_not_found'
    when not corral.may_speak(v_agent, p_call ->> 'token', v_open) then 'unauthorized'
  end;
  if outcome is not null then
    return next;
    return;
  end if;
  update corral.tasks t
     set state = 'COMPLETED', result_url = p_call ->> 'result_url', result_rows = (p_call ->> 'rows')::bigint,
         finished_at = p_now, progress = 1, message = null
   where t.id = v_task_id and t.state = 'RUNNING' and t.agent_id is not distinct from v_id
     and (v_attempt is null or v_attempt = t.attempt) and v_status = 'RUNNING';
  if found then
    outcome := 'completed';
    poll_after_seconds := 0;
    settle := coalesce((select not q.has_tickets from corral.queue q where q.job_id = corral.job_of(v_task_id)), false);
  else
    v_task := corral.find_task(v_task_id);
    outcome := case
      when v_task.state = 'COMPLETED' and v_task.agent_id = v_id
        and (v_attempt is null or v_attempt = v_task.attempt) then 'completed'
      else coalesce(corral.refuse_attempt(v_task, v_status, v_id, v_attempt), 'stale_attempt')
    end;
  end if;
  return next;
end
$$;

-- Ends tasks, each once, all in one statement. The same completion again has the same answer. Where settle is true
-- the job may be over: settle_job is to be called after the commit.
create function public.complete_tasks(p_calls jsonb)
returns table (
  call int, outcome corral.completion_outcome, job_id bigint, settle boolean, poll_after_seconds real,
  server_time timestamptz
)
language plpgsql security definer set search_path = ''
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := corral.now();
  v_open boolean;
  v_poll_after real;
  v_judged corral.completion[];
  v_todo corral.completion[];
  v_tasks bigint[];
  v_done bigint[] := '{}';
begin
  if jsonb_array_length(p_calls) = 1 then
    return query select * from corral.complete_task(p_calls -> 0, v_now);
    return;
  end if;
  select r.open_enrollment, r.poll_after into v_open, v_poll_after from corral.reception r;
  v_judged := corral.judge_completions(p_calls, v_open);
  select array_agg(c), array_agg(c.task) into v_todo, v_tasks
    from (select distinct on (j.task) j.* from unnest(v_judged) j where j.outcome is null order by j.task, j.call) c;
  if v_tasks is not null then
    -- In the order of their ids, so that two statements that name the same tasks do not wait for each other.
    with ended as (
      update corral.tasks t
         set state = 'COMPLETED', result_url = (v_todo[array_position(v_tasks, t.id)]).result_url,
             result_rows = (v_todo[array_position(v_tasks, t.id)]).rows, finished_at = v_now, progress = 1,
             message = null
       where t.id = any (v_tasks) and t.state = 'RUNNING'
         and t.agent_id is not distinct from (v_todo[array_position(v_tasks, t.id)]).agent
         and t.attempt = (v_todo[array_position(v_tasks, t.id)]).attempt
      returning t.id
    )
    select coalesce(array_agg(id), '{}') into v_done from ended;
    if cardinality(v_done) < (select count(*) from unnest(v_judged) j where j.outcome is null) then
      -- What was not done is judged as it is by now: another call has ended it at the same moment.
      v_judged := corral.judge_completions(p_calls, v_open);
    end if;
  end if;
  return query
    select c.call,
           case
             when c.outcome is not null then c.outcome
             when c.task = any (v_done) then 'completed'
             else 'stale_attempt'
           end,
           c.job_id, d.is_done and coalesce(c.is_drained, false), case when d.is_done then 0 else v_poll_after end, v_now
      from unnest(v_judged) c
     cross join lateral (
       -- Of several calls about one task, one has ended it.
       select coalesce((v_todo[array_position(v_tasks, c.task)]).call = c.call and c.task = any (v_done), false) as is_done
     ) d;
end
$$;

-- Takes a running task from its agent and hands it out again, or lets it fail for good with its job's patience. What
-- p_counts is false for is no failure; it is due again after p_pause. The caller holds the task's lock and has judged it. Answers its new state.
create function corral.return_task(
  p_task corral.tasks, p_reason text, p_counts boolean, p_retryable boolean, p_max_attempts int, p_pause interval
) returns corral.task_state
language plpgsql set search_path = ''
as $$
declare
  v_failures int := p_task.failures + p_counts::int;
  v_job bigint := corral.job_of(p_task.id);
  v_reasons jsonb := coalesce(p_task.reasons, '[]') || case
    when p_counts then jsonb_build_object('attempt', p_task.attempt, 'reason', left(p_reason, 2000), 'at', corral.now())
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

-- Ends an attempt that failed, or gives it back. The report that a task failed for good has the same answer again.
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

-- Notes how far a task is and what it says; answers stop when it is no longer the agent's.
create function public.report_task_progress(
  p_agent text, p_task bigint, p_token text default null, p_attempt int default null, p_progress real default null,
  p_message text default null
)
returns table (outcome corral.task_progress_outcome, poll_after_seconds real, server_time timestamptz)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_refusal text := corral.refuse_agent(p_agent, p_token);
begin
  server_time := corral.now();
  poll_after_seconds := (select poll_after from corral.reception);
  outcome := v_refusal;
  if outcome is null then
    update corral.tasks t
       set progress = case when p_progress is null then t.progress else least(greatest(p_progress, 0), 1) end,
           message = coalesce(p_message, t.message)
      from corral.jobs j
     where t.id = p_task and j.id = corral.job_of(p_task)
       and corral.refuse_attempt(t, j.status, p_agent, p_attempt) is null;
    outcome := case
      when found then 'continue'
      when (corral.find_task(p_task)).id is not null then 'stop'
      else 'task_not_found'
    end;
    -- Waits for nobody, since it holds the task: whoever removes the agent goes on to its tasks.
    update corral.agents set last_seen_at = corral.now()
     where id = (
       select a.id from corral.agents a
        where a.id = p_agent and a.last_seen_at < corral.now() - make_interval(
                secs => coalesce(a.heartbeat_interval_seconds, 30) / 3.0)
          for no key update skip locked);
  end if;
  return next;
end
$$;

-- Whether an agent may write the results of a task: while it holds it.
create function public.authorize_upload(
  p_agent text, p_task bigint, p_token text default null, p_attempt int default null
)
returns table (outcome corral.upload_outcome, job_id bigint, attempt int)
language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_task corral.tasks := corral.find_task(p_task);
  v_job corral.jobs := (select j from corral.jobs j where id = corral.job_of(p_task));
begin
  outcome := coalesce(
    corral.refuse_agent(p_agent, p_token), corral.refuse_attempt(v_task, v_job.status, p_agent, p_attempt), 'allowed');
  job_id := v_job.id;
  attempt := v_task.attempt;
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
  corral.find_task, corral.complete_task, corral.judge_completions, corral.refuse_attempt, corral.return_task, corral.note_returns, corral.refuse_agent,
  public.complete_tasks, public.fail_task, public.report_task_progress, public.authorize_upload,
  public.deregister_agent
  from public, anon, authenticated;
grant execute on function
  public.complete_tasks, public.fail_task, public.report_task_progress, public.authorize_upload,
  public.deregister_agent
  to service_role;
