-- How attempts end: completed, failed, or given back. Every call says whose attempt it is; one that is not the task's
-- newest changes nothing, however late or often it comes.

create type corral.completion_outcome as enum (
  'completed', 'task_not_found', 'task_not_assigned', 'stale_attempt', 'job_cancelled', 'result_not_yours',
  'agent_not_found', 'unauthorized'
);

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

-- Judges calls that say tasks are done, by what there is at this moment: first who may speak, then whose the task is,
-- and last the result, which is_misplaced says lies in the bucket where none of the task's go. Every look-up goes by a key, one call at a
-- time: offset 0 keeps Postgres from starting at the other end while a table is small, and staying there.
create function corral.judge_completions(p_calls jsonb, p_open boolean) returns corral.completion[]
language plpgsql set search_path = ''
as $$
begin
  return array(
    select (
        c.call, c.agent, c.task, (t.task).attempt, c.result_url, c.rows,
        case
          -- Where anybody may enrol, whoever has not is a stranger like others; elsewhere he learns nothing of tasks.
          when (a.agent).id is null then case
            when not p_open then 'agent_not_found'
            when (t.task).id is null then 'task_not_found'
            else 'task_not_assigned'
          end
          when not corral.may_speak(a.agent, c.token, p_open) then 'unauthorized'
          when (t.task).agent_id = c.agent and (c.attempt is null or c.attempt = (t.task).attempt)
            and ((t.task).state = 'COMPLETED' or (t.task).state = 'RUNNING' and j.status = 'RUNNING')
          -- As nearly always: it can be done, or was done by this very call.
          then case
            when c.is_misplaced then 'result_not_yours'
            when (t.task).state = 'RUNNING' then null
            -- A repeated call is known by its result. One that names no attempt may have ended this one with another.
            when c.attempt is null or c.result_url is not distinct from (t.task).result_url then 'completed'
            else 'stale_attempt'
          end
          else corral.refuse_attempt(t.task, j.status, c.agent, c.attempt)
        end::corral.completion_outcome,
        j.id, not q.has_tickets
      )::corral.completion
      from jsonb_to_recordset(p_calls) as c (
             call int, agent text, token text, task bigint, attempt int, result_url text, rows bigint,
             is_misplaced boolean)
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

-- Ends tasks, each once, all in one statement: complete_tasks for any calls.
create function corral.end_tasks(p_calls jsonb)
returns table (
  call int, outcome corral.completion_outcome, job_id bigint, settle boolean, poll_after_seconds real,
  server_time timestamptz
)
language plpgsql set search_path = ''
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

-- Ends tasks, each once, all in one statement. The same completion again has the same answer; one that names its
-- attempt is only told so where its result is the one that is kept. Where settle is true the job may be over:
-- settle_job is to be called after the commit.
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
  v_agent text := p_calls #>> '{0,agent}';
  v_token text := p_calls #>> '{0,token}';
  v_task bigint := (p_calls #>> '{0,task}')::bigint;
  v_attempt int := (p_calls #>> '{0,attempt}')::int;
  v_open boolean;
begin
  -- One that comes alone is nearly always in order, and all that it takes is then one statement.
  if jsonb_array_length(p_calls) = 1 and p_calls #> '{0,is_misplaced}' is distinct from 'true' then
    if v_token is null then
      select r.open_enrollment into v_open from corral.reception r;
    end if;
    -- Who holds the task is no key to find it by: that would look through all that the agent ever had.
    update corral.tasks t
       set state = 'COMPLETED', result_url = p_calls #>> '{0,result_url}',
           result_rows = (p_calls #>> '{0,rows}')::bigint, finished_at = corral.now(), progress = 1, message = null
      from corral.agents a, corral.jobs j left join corral.queue q on q.job_id = j.id
     where t.id = v_task and t.state = 'RUNNING' and t.agent_id is not distinct from v_agent
       and (v_attempt is null or t.attempt = v_attempt)
       and a.id = v_agent and corral.may_speak(a, v_token, v_open)
       and j.id = corral.job_of(v_task) and j.status = 'RUNNING'
    returning (p_calls #>> '{0,call}')::int, 'completed'::corral.completion_outcome, j.id,
              coalesce(not q.has_tickets, false), 0::real, corral.now()
      into call, outcome, job_id, settle, poll_after_seconds, server_time;
    if found then
      return next;
      return;
    end if;
  end if;
  return query select * from corral.end_tasks(p_calls);
end
$$;

revoke execute on function
  corral.find_task, corral.refuse_attempt, corral.judge_completions, corral.end_tasks, public.complete_tasks
  from public, anon, authenticated;
grant execute on function public.complete_tasks to service_role;
