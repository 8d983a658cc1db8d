-- Claims: the hottest path there is. It scans nothing that grows: no ready rows, no history, no count. Here those of
-- several agents at once, and all that is not as usual.

create type corral.assignment_outcome as enum (
  'assigned', 'nothing', 'not_asked', 'agent_not_found', 'unauthorized'
);

-- One agent that asks for work, and what is known of it.
create type corral.seeker as (
  call int,
  -- Where the first call of the same agent with the same request id stands: both get the same answer.
  twin int,
  agent text,
  request_id text,
  outcome corral.assignment_outcome,
  swarm_id bigint,
  satisfies int[],
  -- When the lease ends, unless the task's time is up before; null without heartbeats.
  lease_end timestamptz,
  poll_after real,
  is_due boolean,
  showed_token boolean,
  held bigint
);

-- Whether it is to be noted that an agent was heard of: long enough after the last time, when it shows its token for
-- the first time, or when it is told to stay away for much longer than before.
create function corral.is_due(p_agent corral.agents, p_shows_token boolean, p_poll_after real) returns boolean
language sql stable
as $$
  select p_agent.last_seen_at < corral.now() - make_interval(secs => coalesce(
           p_agent.heartbeat_interval_seconds, greatest(p_agent.poll_after_seconds, 10)) / 3.0)
    or (p_shows_token and not p_agent.token_shown) or p_poll_after > 2 * p_agent.poll_after_seconds
$$;

-- Reads who asks, whether he may, and what he holds already: by the same request id, or whatever he has when he gave
-- none. Such a task is given to him again, since it was the reply that got lost. Two calls of one agent wait for each
-- other, so that the second sees what the first was given.
create function corral.read_seekers(p_calls jsonb, p_now timestamptz) returns corral.seeker[]
language plpgsql set search_path = ''
as $$
declare
  v_open boolean;
  v_poll_after real;
begin
  select r.open_enrollment, r.poll_after into v_open, v_poll_after from corral.reception r;
  perform pg_advisory_xact_lock(key) from (
    select distinct hashtextextended(c.agent, 0) as key from jsonb_to_recordset(p_calls) as c (agent text) order by 1
  ) locks;
  return array(
    select (
        c.call, c.twin, c.agent, c.request_id,
        case
          when (a.agent).id is null then 'agent_not_found'
          when not corral.may_speak(a.agent, c.token, v_open) then 'unauthorized'
          when held.id is not null then 'assigned'
          else 'nothing'
        end,
        (a.agent).swarm_id, (select k.satisfies from corral.capabilities k where k.id = (a.agent).capability_id),
        case when d.is_due then p_now else (a.agent).last_seen_at end
          + make_interval(secs => 3 * (a.agent).heartbeat_interval_seconds),
        p.poll_after, d.is_due, c.token is not null, held.id
      )::corral.seeker
      from (
        select n.*, min(n.position) over (partition by n.agent, n.request_id, n.token)::int as twin
          from (
            select x.*, row_number() over (order by x.call) as position
              from jsonb_to_recordset(p_calls) as x (call int, agent text, token text, request_id text)
          ) n
      ) c
     cross join lateral (select corral.jitter(v_poll_after) as poll_after) p
      left join lateral (select x as agent from corral.agents x where x.id = c.agent offset 0) a on true
     cross join lateral (select corral.is_due(a.agent, c.token is not null, p.poll_after) as is_due) d
      left join lateral (
        select t.id from (
          select id, state, request_id, claimed_at from corral.tasks
           where agent_id = c.agent order by claimed_at desc limit 32
        ) t
         where t.state = 'RUNNING' and (c.request_id is null or t.request_id = c.request_id)
           and (select j.status from corral.jobs j where j.id = corral.job_of(t.id)) = 'RUNNING'
         order by t.claimed_at desc
         limit 1
      ) held on true
     order by c.position);
end
$$;

-- Notes that agents were heard of; one that showed its token needs it from now on. Whoever is being noted already is
-- left alone: waiting could end in a circle.
create function corral.note_seen(p_seekers corral.seeker[], p_now timestamptz) returns void
language plpgsql set search_path = ''
as $$
declare
  v_due corral.seeker[];
  v_agents text[];
begin
  select array_agg(s), array_agg(s.agent) into v_due, v_agents
    from unnest(p_seekers) s where s.is_due and s.outcome in ('assigned', 'nothing');
  if v_due is null then
    return;
  end if;
  v_agents := array(
    select a.id from corral.agents a where a.id = any (v_agents) order by a.id for no key update skip locked);
  update corral.agents a
     set last_seen_at = p_now, poll_after_seconds = s.poll_after, token_shown = a.token_shown or s.showed_token
    from (select distinct on (d.agent) d.* from unnest(v_due) d order by d.agent) s
   where a.id = any (v_agents) and s.agent = a.id;
end
$$;

-- Gives agents of one kind in one swarm, who stand at p_positions, a task each; answers the tasks in their order, null
-- for whom there is none. A task belongs to whoever's update finds it PENDING: of however many that drew it, one.
create function corral.give_tasks(p_seekers corral.seeker[], p_positions int[], p_now timestamptz) returns bigint[]
language plpgsql set search_path = ''
as $$
declare
  v_first corral.seeker := p_seekers[p_positions[1]];
  v_given bigint[] := array_fill(null::bigint, array[cardinality(p_positions)]);
  -- Places in p_positions that still wait.
  v_waiting int[] := array(select generate_subscripts(p_positions, 1));
  v_drawn bigint[];
  v_free bigint[];
  v_got bigint[];
begin
  loop
    v_drawn := corral.draw_tasks(v_first.swarm_id, v_first.satisfies, cardinality(v_waiting));
    if cardinality(v_drawn) = 0 then
      return v_given;
    end if;
    -- Whoever has several tasks waits for none: somebody could wait for him.
    v_free := array(
      select t.id from corral.tasks t where t.id = any (v_drawn) and t.state = 'PENDING' for no key update skip locked);
    with given as (
      update corral.tasks t
         set state = 'RUNNING', attempt = t.attempt + 1, claimed_at = p_now, progress = null, message = null,
             agent_id = (p_seekers[p_positions[v_waiting[array_position(v_drawn, t.id)]]]).agent,
             request_id = (p_seekers[p_positions[v_waiting[array_position(v_drawn, t.id)]]]).request_id
       where t.id = any (v_free)
      returning t.id
    )
    select array_agg(id) into v_got from given;
    for v_i in 1 .. cardinality(v_drawn) loop
      if v_drawn[v_i] = any (v_got) then
        v_given[v_waiting[v_i]] := v_drawn[v_i];
      end if;
    end loop;
    if array_position(v_given, null) is null then
      return v_given;
    end if;
    -- Whoever drew a number that was no use any more, or none, draws again.
    v_waiting := array(select w from unnest(v_waiting) w where v_given[w] is null order by w);
  end loop;
end
$$;

-- Gives each agent that asks its next task, all in one statement: request_tasks for any calls.
create function corral.assign_tasks(p_calls jsonb)
returns table (
  call int, outcome corral.assignment_outcome, task_id bigint, job_id bigint, attempt int,
  lease_expires_at timestamptz, task_timeout_seconds int, chunk text, code_url text, requirements_url text,
  poll_after_seconds real, server_time timestamptz
)
language plpgsql set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz := corral.now();
  v_seekers corral.seeker[];
  v_given bigint[];
  v_group record;
  v_part bigint[];
begin
  v_seekers := corral.read_seekers(p_calls, v_now);
  perform corral.note_seen(v_seekers, v_now);
  for v_group in
    select array_agg(s.position::int order by s.position) as positions
      from unnest(v_seekers) with ordinality as s (
             call, twin, agent, request_id, outcome, swarm_id, satisfies, lease_end, poll_after, is_due,
             showed_token, held, position)
     where s.outcome = 'nothing' and s.twin = s.position
     group by s.swarm_id, s.satisfies
  loop
    v_part := corral.give_tasks(v_seekers, v_group.positions, v_now);
    for v_i in 1 .. cardinality(v_part) loop
      v_given[v_group.positions[v_i]] := v_part[v_i];
    end loop;
  end loop;
  return query
    select s.call, case when t.id is not null and s.outcome = 'nothing' then 'assigned' else s.outcome end,
           t.id, j.id, t.attempt,
           least(t.claimed_at + make_interval(secs => j.task_timeout_seconds), s.lease_end),
           j.task_timeout_seconds, t.chunk, j.code_url, j.requirements_url,
           case when t.id is null then s.poll_after else 0 end, v_now
      from unnest(v_seekers) s
      left join lateral (
        select x.* from corral.tasks x where x.id = coalesce(s.held, v_given[s.twin]) offset 0
      ) t on true
      left join lateral (select x.* from corral.jobs x where x.id = corral.job_of(t.id) offset 0) j on true;
end
$$;

revoke execute on function
  corral.is_due, corral.read_seekers, corral.note_seen, corral.give_tasks, corral.assign_tasks
  from public;
