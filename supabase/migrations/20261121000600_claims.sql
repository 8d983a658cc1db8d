-- Claims: the hottest path there is. It scans nothing that grows: no ready rows, no history, no count.

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

-- The next tasks of a job for so many agents, from what came back and then from the dispenser; fewer when the job has
-- fewer. Where it finds the job empty, it notes so, unless somebody holds the note.
create function corral.take_tasks(p_queue corral.queue, p_wanted int) returns bigint[]
language plpgsql set search_path = ''
as $$
declare
  v_returned bigint[] := '{}';
  v_drawn bigint[] := '{}';
  v_left bigint := p_wanted;
  v_last bigint;
begin
  if p_queue.has_returns then
    -- Together with the task, or not at all: whoever holds one of them may be about to wait for the other.
    with due as (
      select r.task_id from corral.returns r join corral.tasks t on t.id = r.task_id and t.state = 'PENDING'
       where r.job_id = p_queue.job_id and r.due_at <= corral.now()
       order by r.task_id
       limit p_wanted
         for no key update skip locked
    ), taken as (
      delete from corral.returns r using due where r.task_id = due.task_id returning r.task_id
    )
    select coalesce(array_agg(task_id), '{}') into v_returned from taken;
    v_left := p_wanted - cardinality(v_returned);
    if v_left > 0 then
      perform corral.note_empty(p_queue, 'returns');
    end if;
  end if;
  if v_left > 0 and p_queue.has_tickets then
    -- Numbers past the end would do no harm, but each would cost a look.
    v_left := least(v_left, p_queue.total - coalesce(pg_sequence_last_value(p_queue.sequence), 0));
    select coalesce(array_agg(corral.task_id(p_queue.job_id, number)) filter (where number <= p_queue.total), '{}'),
           coalesce(max(number), p_queue.total)
      into v_drawn, v_last
      from (select nextval(p_queue.sequence) as number from generate_series(1, v_left)) draws;
    if v_last >= p_queue.total then
      perform corral.note_empty(p_queue, 'tickets');
    end if;
  end if;
  return v_returned || v_drawn;
end
$$;

-- Notes that a job has no numbers left, or none that came back; whoever finds the row locked leaves it to others.
create function corral.note_empty(p_queue corral.queue, p_what text) returns void
language plpgsql set search_path = ''
as $$
begin
  perform from corral.queue where job_id = p_queue.job_id for no key update skip locked;
  if not found then
    return;
  end if;
  if p_what = 'tickets' then
    update corral.queue set has_tickets = false where job_id = p_queue.job_id and has_tickets;
  else
    -- What comes back at this very moment is noted again by the sweep.
    update corral.queue set has_returns = false
     where job_id = p_queue.job_id and has_returns
       and not exists (
         select from corral.returns where job_id = p_queue.job_id and due_at <= corral.now());
  end if;
  if found then
    perform corral.refresh_lane(p_queue.swarm_id, p_queue.lane_key, false);
  end if;
end
$$;

-- Sets a job's project to training, unless somebody holds it or it is anywhere else by now.
create function corral.begin_training(p_job bigint) returns void
language plpgsql set search_path = ''
as $$
declare
  v_project uuid := (select project_id from corral.jobs where id = p_job);
begin
  if not corral.try_lock_project(v_project) then
    return;
  end if;
  perform from corral.queue where job_id = p_job and first_claim_pending for no key update skip locked;
  if found then
    update public.projects set status = 'training' where id = v_project and status = 'pending_training';
    update corral.queue set first_claim_pending = false where job_id = p_job;
  end if;
end
$$;

-- Tasks for so many agents of one kind in one swarm: lane by lane from the one whose turn it is, in each from its best
-- job that these agents can do. Answers fewer than wanted while there may be more; none when there is nothing.
create function corral.draw_tasks(p_swarm bigint, p_satisfies int[], p_wanted int) returns bigint[]
language plpgsql set search_path = ''
as $$
declare
  v_lanes int;
  v_turn bigint;
  v_queue corral.queue;
  v_tasks bigint[];
  v_empty bigint[] := '{}';
begin
  select lanes, case when lanes > 0 then nextval(turn) end into v_lanes, v_turn
    from corral.swarms where id = p_swarm;
  for v_step in 0 .. v_lanes - 1 loop
    loop
      select q.* into v_queue
        from corral.lanes l join corral.queue q on q.swarm_id = l.swarm_id and q.lane_key = l.lane_key
       where l.swarm_id = p_swarm and l.position = (v_turn + v_step) % v_lanes
         and q.is_open and (q.has_tickets or q.has_returns)
         and q.requirement_id = any (p_satisfies) and q.job_id <> all (v_empty)
       order by q.priority desc, q.job_id
       limit 1;
      exit when not found;
      v_tasks := corral.take_tasks(v_queue, greatest(p_wanted / v_lanes, 1));
      if cardinality(v_tasks) > 0 then
        if v_queue.first_claim_pending then
          perform corral.begin_training(v_queue.job_id);
        end if;
        return v_tasks;
      end if;
      v_empty := v_empty || v_queue.job_id;
    end loop;
  end loop;
  return '{}';
end
$$;

-- The same as read_seekers for one call, in plain look-ups: one big statement costs more to start than all of these.
create function corral.read_seeker(p_call jsonb, p_now timestamptz) returns corral.seeker
language plpgsql set search_path = ''
as $$
declare
  v_seeker corral.seeker;
  v_agent corral.agents;
  v_token text := p_call ->> 'token';
  v_open boolean;
  v_poll_after real;
begin
  v_seeker.call := (p_call ->> 'call')::int;
  v_seeker.twin := 1;
  v_seeker.agent := p_call ->> 'agent';
  v_seeker.request_id := p_call ->> 'request_id';
  v_seeker.showed_token := v_token is not null;
  perform pg_advisory_xact_lock(hashtextextended(v_seeker.agent, 0));
  select r.open_enrollment, r.poll_after into v_open, v_poll_after from corral.reception r;
  v_seeker.poll_after := corral.jitter(v_poll_after);
  select * into v_agent from corral.agents where id = v_seeker.agent;
  if not found then
    v_seeker.outcome := 'agent_not_found';
    return v_seeker;
  elsif not corral.may_speak(v_agent, v_token, v_open) then
    v_seeker.outcome := 'unauthorized';
    return v_seeker;
  end if;
  v_seeker.swarm_id := v_agent.swarm_id;
  v_seeker.is_due := v_agent.last_seen_at < p_now - make_interval(
      secs => coalesce(v_agent.heartbeat_interval_seconds, greatest(v_agent.poll_after_seconds, 10)) / 3.0)
    or v_seeker.poll_after > 2 * v_agent.poll_after_seconds
    or (v_token is not null and not v_agent.token_shown);
  if v_agent.heartbeat_interval_seconds is not null then
    v_seeker.lease_end := case when v_seeker.is_due then p_now else v_agent.last_seen_at end
      + make_interval(secs => 3 * v_agent.heartbeat_interval_seconds);
  end if;
  select t.id into v_seeker.held
    from (
      select id, state, request_id, claimed_at from corral.tasks
       where agent_id = v_seeker.agent order by claimed_at desc limit 32
    ) t
   where t.state = 'RUNNING' and (v_seeker.request_id is null or t.request_id = v_seeker.request_id)
     and (select j.status from corral.jobs j where j.id = corral.job_of(t.id)) = 'RUNNING'
   order by t.claimed_at desc
   limit 1;
  if found then
    v_seeker.outcome := 'assigned';
  else
    v_seeker.outcome := 'nothing';
    select satisfies into v_seeker.satisfies from corral.capabilities where id = v_agent.capability_id;
  end if;
  return v_seeker;
end
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
  v_seekers corral.seeker[];
  v_twins record;
  v_position int;
begin
  select r.open_enrollment, r.poll_after into v_open, v_poll_after from corral.reception r;
  perform pg_advisory_xact_lock(key) from (
    select distinct hashtextextended(c.agent, 0) as key from jsonb_to_recordset(p_calls) as c (agent text) order by 1
  ) locks;
  v_seekers := array(
    select (
        c.call, 1, c.agent, c.request_id,
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
      from jsonb_to_recordset(p_calls) as c (call int, agent text, token text, request_id text)
     cross join lateral (select corral.jitter(v_poll_after) as poll_after) p
      left join lateral (select x as agent from corral.agents x where x.id = c.agent offset 0) a on true
     cross join lateral (
       select (a.agent).last_seen_at < p_now - make_interval(secs => coalesce(
                (a.agent).heartbeat_interval_seconds, greatest((a.agent).poll_after_seconds, 10)) / 3.0)
                or p.poll_after > 2 * (a.agent).poll_after_seconds
                or (c.token is not null and not (a.agent).token_shown) as is_due
     ) d
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
     order by c.call);
  for v_twins in
    select array_agg(position::int order by position) as positions
      from jsonb_to_recordset(p_calls) as c (call int, agent text, token text, request_id text)
      join unnest(v_seekers) with ordinality as s (
             call, twin, agent, request_id, outcome, swarm_id, satisfies, lease_end, poll_after, is_due,
             showed_token, held, position) on s.call = c.call
     group by c.agent, c.request_id, c.token
  loop
    foreach v_position in array v_twins.positions loop
      v_seekers[v_position].twin := v_twins.positions[1];
    end loop;
  end loop;
  return v_seekers;
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

-- What one agent gets that asks, in plain statements.
create function corral.serve_seeker(p_seeker corral.seeker, p_now timestamptz)
returns table (
  call int, outcome corral.assignment_outcome, task_id bigint, job_id bigint, attempt int,
  lease_expires_at timestamptz, task_timeout_seconds int, chunk text, code_url text, requirements_url text,
  poll_after_seconds real, server_time timestamptz
)
language plpgsql set search_path = ''
as $$
#variable_conflict use_column
declare
  v_drawn bigint[];
  v_claimed_at timestamptz;
begin
  call := p_seeker.call;
  outcome := p_seeker.outcome;
  poll_after_seconds := p_seeker.poll_after;
  server_time := p_now;
  if p_seeker.is_due then
    perform corral.note_seen(array[p_seeker], p_now);
  end if;
  if outcome = 'assigned' then
    select t.id, t.attempt, t.chunk, t.claimed_at into task_id, attempt, chunk, v_claimed_at
      from corral.tasks t where t.id = p_seeker.held;
  end if;
  while outcome = 'nothing' loop
    v_drawn := corral.draw_tasks(p_seeker.swarm_id, p_seeker.satisfies, 1);
    exit when cardinality(v_drawn) = 0;
    update corral.tasks t
       set state = 'RUNNING', attempt = t.attempt + 1, claimed_at = p_now, progress = null, message = null,
           agent_id = p_seeker.agent, request_id = p_seeker.request_id
     where t.id = v_drawn[1] and t.state = 'PENDING'
    returning t.id, t.attempt, t.chunk, t.claimed_at into task_id, attempt, chunk, v_claimed_at;
    -- A number that was no use any more: draw again.
    if found then
      outcome := 'assigned';
    end if;
  end loop;
  if task_id is not null then
    poll_after_seconds := 0;
    select j.id, j.task_timeout_seconds, j.code_url, j.requirements_url
      into job_id, task_timeout_seconds, code_url, requirements_url
      from corral.jobs j where j.id = corral.job_of(task_id);
    lease_expires_at := least(v_claimed_at + make_interval(secs => task_timeout_seconds), p_seeker.lease_end);
  end if;
  return next;
end
$$;

-- Gives each agent that asks its next task, all in one statement.
create function public.request_tasks(p_calls jsonb)
returns table (
  call int, outcome corral.assignment_outcome, task_id bigint, job_id bigint, attempt int,
  lease_expires_at timestamptz, task_timeout_seconds int, chunk text, code_url text, requirements_url text,
  poll_after_seconds real, server_time timestamptz
)
language plpgsql security definer set search_path = ''
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := corral.now();
  v_seekers corral.seeker[];
  v_given bigint[];
  v_group record;
  v_part bigint[];
begin
  if jsonb_array_length(p_calls) = 1 then
    return query select * from corral.serve_seeker(corral.read_seeker(p_calls -> 0, v_now), v_now);
    return;
  end if;
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
  corral.take_tasks, corral.note_empty, corral.draw_tasks, corral.give_tasks, corral.serve_seeker, corral.read_seeker,
  corral.read_seekers, corral.note_seen,
  corral.begin_training, public.request_tasks
  from public, anon, authenticated;
grant execute on function public.request_tasks to service_role;
