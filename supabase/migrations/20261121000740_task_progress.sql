-- What an agent says and asks about a task while it works on it.

create type corral.task_progress_outcome as enum (
  'continue', 'stop', 'task_not_found', 'agent_not_found', 'unauthorized'
);
create type corral.upload_outcome as enum (
  'allowed', 'task_not_found', 'task_not_assigned', 'stale_attempt', 'job_cancelled', 'agent_not_found', 'unauthorized'
);

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

revoke execute on function public.report_task_progress, public.authorize_upload from public, anon, authenticated;
grant execute on function public.report_task_progress, public.authorize_upload to service_role;
