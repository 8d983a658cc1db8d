-- The cycle of an agent that polls: a completion, a beat and a claim in one statement.

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
  v_call jsonb := p_calls -> 0;
  v_done jsonb;
  v_beats jsonb;
  v_given jsonb;
begin
  if jsonb_array_length(p_calls) = 1 then
    if jsonb_typeof(v_call -> 'complete') = 'object' then
      select d.outcome, d.job_id, d.settle into completion, completed_job_id, settle
        from public.complete_tasks(jsonb_build_array(v_call -> 'complete' || jsonb_build_object(
               'call', v_call -> 'call', 'agent', v_call -> 'agent', 'token', v_call -> 'token'))) d;
    end if;
    settle := coalesce(settle, false);
    select b.call, b.outcome, b.poll_after_seconds, b.server_time, b.stop
      into call, heartbeat, poll_after_seconds, server_time, stop
      from public.record_heartbeats(p_calls) b;
    if v_call -> 'claim' = 'true' then
      select n.outcome, n.task_id, n.job_id, n.attempt, n.lease_expires_at, n.task_timeout_seconds, n.chunk,
             n.code_url, n.requirements_url, n.poll_after_seconds
        into outcome, task_id, job_id, attempt, lease_expires_at, task_timeout_seconds, chunk,
             code_url, requirements_url, poll_after_seconds
        from public.request_tasks(p_calls) n;
    else
      outcome := case heartbeat when 'seen' then 'not_asked' else heartbeat::text end;
    end if;
    return next;
    return;
  end if;
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

revoke execute on function public.cycle_agents from public, anon, authenticated;
grant execute on function public.cycle_agents to service_role;
