-- Heartbeats: what keeps an agent from being taken for silent, at no more than one written row.

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

-- Notes that several agents are alive: record_heartbeats for any calls.
create function corral.record_beats(p_calls jsonb)
returns table (
  call int, outcome corral.heartbeat_outcome, poll_after_seconds real, server_time timestamptz, stop bigint[]
)
language plpgsql set search_path = ''
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
        (a.agent).status <> c.status or corral.is_due(a.agent, c.token is not null, p.poll_after),
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
  v_call jsonb := p_calls -> 0;
  v_agent text := v_call ->> 'agent';
  v_token text := v_call ->> 'token';
  v_status corral.agent_status := v_call ->> 'status';
  v_open boolean;
  v_poll_after real;
  v_may_speak boolean;
  v_is_due boolean;
begin
  if jsonb_array_length(p_calls) <> 1 then
    return query select * from corral.record_beats(p_calls);
    return;
  end if;
  select r.open_enrollment, corral.jitter(r.poll_after) into v_open, v_poll_after from corral.reception r;
  select corral.may_speak(a, v_token, v_open),
         a.status <> v_status or corral.is_due(a, v_token is not null, v_poll_after)
    into v_may_speak, v_is_due
    from corral.agents a where a.id = v_agent;
  call := (v_call ->> 'call')::int;
  outcome := case when v_may_speak then 'seen' when not v_may_speak then 'unauthorized' else 'agent_not_found' end;
  poll_after_seconds := v_poll_after;
  server_time := corral.now();
  if v_may_speak and v_is_due then
    -- Whoever holds the agent is just noting it.
    update corral.agents a
       set status = coalesce(v_status, a.status), last_seen_at = corral.now(), poll_after_seconds = v_poll_after,
           token_shown = a.token_shown or v_token is not null
     where a.id = (select x.id from corral.agents x where x.id = v_agent for no key update skip locked);
  end if;
  if jsonb_typeof(v_call -> 'tasks') = 'array' then
    stop := corral.find_stopped_tasks(v_agent, v_call -> 'tasks');
  end if;
  return next;
end
$$;

revoke execute on function corral.find_stopped_tasks, corral.record_beats, public.record_heartbeats
  from public, anon, authenticated;
grant execute on function public.record_heartbeats to service_role;
