-- Heartbeats, and the cycle that puts a completion, a beat and a claim into one statement.

create type corral.heartbeat_outcome as enum ('seen', 'agent_not_found', 'unauthorized');

-- Of the tasks that an agent names, [{task, attempt}], those that are no longer its to do; null when it names none.
create function corral.find_stopped_tasks(p_agent text, p_tasks jsonb) returns bigint[]
language plpgsql stable set search_path = ''
as $$
begin
  return (
    select array_agg(c.task)
      from jsonb_to_recordset(p_tasks) as c (task bigint, attempt int)
      left join lateral (select x as task from corral.tasks x where x.id = c.task offset 0) t on true
      left join lateral (select x.status from corral.jobs x where x.id = corral.job_of(c.task) offset 0) j on true
     where corral.refuse_attempt(t.task, j.status, p_agent, c.attempt) is not null);
end
$$;

-- One beat, and what is to be noted of it.
create type corral.beat as (
  call int,
  agent text,
  outcome corral.heartbeat_outcome,
  status corral.agent_status,
  poll_after real,
  is_due boolean,
  showed_token boolean,
  tasks jsonb
);

-- Notes that agents are alive and what they are doing, all in one statement; one that said the same a moment ago is
-- not written again. Tells which of the tasks that they name are no longer theirs.
create function public.record_heartbeats(p_calls jsonb)
returns table (
  call int, outcome corral.heartbeat_outcome, poll_after_seconds real, server_time timestamptz, stop bigint[]
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
  v_beats corral.beat[];
  v_due corral.beat[];
  v_agents text[];
begin
  select r.open_enrollment, r.poll_after into v_open, v_poll_after from corral.reception r;
  v_beats := array(
    select (
        c.call, c.agent,
        case
          when (a.agent).id is null then 'agent_not_found'
          when not corral.may_speak(a.agent, c.token, v_open) then 'unauthorized'
          else 'seen'
        end,
        coalesce(c.status, (a.agent).status), p.poll_after,
        (a.agent).status <> c.status or (c.token is not null and not (a.agent).token_shown)
          or (a.agent).last_seen_at < v_now - make_interval(secs => coalesce(
               (a.agent).heartbeat_interval_seconds, greatest((a.agent).poll_after_seconds, 10)) / 3.0)
          or p.poll_after > 2 * (a.agent).poll_after_seconds,
        c.token is not null, c.tasks
      )::corral.beat
      from jsonb_to_recordset(p_calls) as c (
             call int, agent text, token text, status corral.agent_status, tasks jsonb)
     cross join lateral (select corral.jitter(v_poll_after) as poll_after) p
      left join lateral (select x as agent from corral.agents x where x.id = c.agent offset 0) a on true);
  select array_agg(d), array_agg(d.agent) into v_due, v_agents
    from (select distinct on (b.agent) b.* from unnest(v_beats) b
           where b.outcome = 'seen' and b.is_due order by b.agent, b.call desc) d;
  if v_agents is not null then
    -- Whoever holds an agent is just noting it: waiting for him would make all the others wait, too.
    update corral.agents a
       set status = (v_due[array_position(v_agents, a.id)]).status, last_seen_at = v_now,
           poll_after_seconds = (v_due[array_position(v_agents, a.id)]).poll_after,
           token_shown = a.token_shown or (v_due[array_position(v_agents, a.id)]).showed_token
     where a.id = any (array(
             select x.id from corral.agents x where x.id = any (v_agents) for no key update skip locked));
  end if;
  return query
    select b.call, b.outcome, b.poll_after, v_now,
           case when b.tasks is null then null else corral.find_stopped_tasks(b.agent, b.tasks) end
      from unnest(v_beats) b;
end
$$;

-- Ends a task, beats, and asks for the next one: one call for what would be three.
create function public.cycle_agents(p_calls jsonb)
returns table (
  call int, heartbeat corral.heartbeat_outcome, stop bigint[], completion corral.completion_outcome,
  completed_job_id bigint, settle boolean, outcome corral.assignment_outcome, task_id bigint, job_id bigint,
  attempt int, lease_expires_at timestamptz, task_timeout_seconds int, chunk text, code_url text,
  requirements_url text, poll_after_seconds real, server_time timestamptz
)
language plpgsql security definer set search_path = ''
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_done jsonb;
  v_beats jsonb;
  v_given jsonb;
begin
  -- One after the other: what is done is not held any more, and whoever is not known asks in vain.
  select jsonb_agg(d) into v_done from (
    select jsonb_agg(c.value -> 'complete' || jsonb_build_object(
             'call', c.value -> 'call', 'agent', c.value -> 'agent', 'token', c.value -> 'token')) as calls
      from jsonb_array_elements(p_calls) c where jsonb_typeof(c.value -> 'complete') = 'object'
  ) asked cross join lateral public.complete_tasks(asked.calls) d;
  select jsonb_agg(b) into v_beats from public.record_heartbeats(p_calls) b;
  select jsonb_agg(n) into v_given from (
    select jsonb_agg(c.value) as calls
      from jsonb_array_elements(p_calls) c where c.value -> 'claim' = 'true'
  ) asked cross join lateral public.request_tasks(asked.calls) n;
  return query
    select b.call, b.outcome, b.stop, d.outcome, d.job_id, coalesce(d.settle, false),
           coalesce(
             n.outcome, case b.outcome when 'seen' then 'not_asked' else b.outcome::text end::corral.assignment_outcome),
           n.task_id, n.job_id, n.attempt, n.lease_expires_at, n.task_timeout_seconds, n.chunk, n.code_url,
           n.requirements_url, coalesce(n.poll_after_seconds, b.poll_after_seconds), b.server_time
      from jsonb_to_recordset(v_beats) as b (
             call int, outcome corral.heartbeat_outcome, poll_after_seconds real, server_time timestamptz, stop bigint[])
      left join jsonb_to_recordset(v_done) as d (
             call int, outcome corral.completion_outcome, job_id bigint, settle boolean) on d.call = b.call
      left join jsonb_to_recordset(v_given) as n (
             call int, outcome corral.assignment_outcome, task_id bigint, job_id bigint, attempt int,
             lease_expires_at timestamptz, task_timeout_seconds int, chunk text, code_url text, requirements_url text,
             poll_after_seconds real) on n.call = b.call;
end
$$;

revoke execute on function corral.find_stopped_tasks, public.record_heartbeats, public.cycle_agents
  from public, anon, authenticated;
grant execute on function public.record_heartbeats, public.cycle_agents to service_role;
