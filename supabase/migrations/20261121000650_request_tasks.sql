-- What agents call to get work. One that comes alone, and holds nothing yet, is served by a few plain look-ups in one
-- function: to start a big statement, or a function per step, costs more than they do.

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
  v_agent text := p_calls #>> '{0,agent}';
  v_token text := p_calls #>> '{0,token}';
  v_request text := p_calls #>> '{0,request_id}';
  v_open boolean;
  v_may_speak boolean;
  v_is_due boolean;
  v_seen timestamptz;
  v_beat int;
  v_told real;
  v_swarm bigint;
  v_lanes int;
  v_turns regclass;
  v_turn bigint;
  v_satisfies int[];
  v_job bigint;
  v_dispenser regclass;
  v_total int;
  v_is_plain boolean;
  v_number bigint;
  v_drawn bigint;
begin
  if jsonb_array_length(p_calls) <> 1 then
    return query select * from corral.assign_tasks(p_calls);
    return;
  end if;
  -- Two calls of one agent wait for each other, so that the second sees what the first was given.
  if not pg_try_advisory_xact_lock(hashtextextended(v_agent, 0)) then
    perform pg_advisory_xact_lock(hashtextextended(v_agent, 0));
  end if;
  if v_token is null then
    select r.open_enrollment into v_open from corral.reception r;
  end if;
  select corral.may_speak(a, v_token, v_open), corral.is_due(a, v_token is not null, 0), a.last_seen_at,
         a.heartbeat_interval_seconds, a.poll_after_seconds, w.id, w.lanes, w.turn, k.satisfies
    into v_may_speak, v_is_due, v_seen, v_beat, v_told, v_swarm, v_lanes, v_turns, v_satisfies
    from corral.agents a
    join corral.swarms w on w.id = a.swarm_id
    join corral.capabilities k on k.id = a.capability_id
   where a.id = v_agent;
  if v_may_speak is distinct from true or exists (
       select from (
         select t.state, t.request_id from corral.tasks t where t.agent_id = v_agent order by t.claimed_at desc limit 32
       ) t where t.state = 'RUNNING' and (v_request is null or t.request_id = v_request)) then
    return query select * from corral.assign_tasks(p_calls);
    return;
  end if;
  if v_lanes > 0 then
    v_turn := nextval(v_turns);
    -- As draw_tasks does, where the best job of the lane has numbers and nothing else is to be done about it.
    select q.job_id, q.sequence, q.total, q.has_tickets and not q.has_returns and not q.first_claim_pending
      into v_job, v_dispenser, v_total, v_is_plain
      from corral.queue q
     where q.swarm_id = v_swarm
       and q.lane_key = (
             select l.lane_key from corral.lanes l where l.swarm_id = v_swarm and l.position = v_turn % v_lanes)
       and q.is_open and (q.has_tickets or q.has_returns) and q.requirement_id = any (v_satisfies)
     order by q.priority desc, q.job_id
     limit 1;
    if v_is_plain then
      v_number := nextval(v_dispenser);
      if v_number >= v_total then
        perform corral.note_empty(q, 'tickets') from corral.queue q where q.job_id = v_job;
      end if;
      v_drawn := case when v_number <= v_total then corral.task_id(v_job, v_number) end;
    end if;
    loop
      if v_drawn is null then
        v_drawn := (corral.draw_tasks(v_swarm, v_satisfies, 1, v_turn))[1];
        exit when v_drawn is null;
      end if;
      -- A task belongs to whoever's update finds it PENDING: of however many that drew it, one.
      update corral.tasks t
         set state = 'RUNNING', attempt = t.attempt + 1, claimed_at = corral.now(), progress = null, message = null,
             agent_id = v_agent, request_id = v_request
       where t.id = v_drawn and t.state = 'PENDING'
      returning t.id, t.attempt, t.chunk into task_id, attempt, chunk;
      exit when found;
      -- A number that was no use any more: draw again.
      v_drawn := null;
      v_turn := null;
    end loop;
  end if;
  if v_is_due or task_id is null then
    select (p_calls #>> '{0,call}')::int, 'nothing'::corral.assignment_outcome, corral.jitter(r.poll_after),
           corral.now()
      into call, outcome, poll_after_seconds, server_time
      from corral.reception r;
    if v_is_due or poll_after_seconds > 2 * v_told then
      v_seen := server_time;
      perform corral.note_seen(array[(
        call, 1, v_agent, v_request, outcome, v_swarm, v_satisfies, null, poll_after_seconds, true,
        v_token is not null, null
      )::corral.seeker], server_time);
    end if;
  end if;
  if task_id is not null then
    select (p_calls #>> '{0,call}')::int, 'assigned'::corral.assignment_outcome, j.id, j.task_timeout_seconds,
           j.code_url, j.requirements_url,
           least(
             corral.now() + make_interval(secs => j.task_timeout_seconds),
             v_seen + make_interval(secs => 3 * v_beat)),
           0::real, corral.now()
      into call, outcome, job_id, task_timeout_seconds, code_url, requirements_url, lease_expires_at,
           poll_after_seconds, server_time
      from corral.jobs j where j.id = corral.job_of(task_id);
  end if;
  return next;
end
$$;

revoke execute on function public.request_tasks from public, anon, authenticated;
grant execute on function public.request_tasks to service_role;
