-- What owners ask: to see, steer and list jobs. Every call names its caller: a user's id, or null for one
-- without a token, and whether he is an admin. Callers without a token see what such callers made.

create type corral.job_lookup_outcome as enum ('found', 'job_not_found', 'unauthorized');
create type corral.download_job_outcome as enum ('found', 'job_not_found', 'job_not_yours', 'unauthorized');
create type corral.control_job_outcome as enum ('done', 'unchanged', 'job_not_found', 'unauthorized', 'job_over');
create type corral.job_action as enum ('cancel', 'pause', 'resume', 'retry_failed');

-- Why a caller may not reach a job, as an outcome; null where he may. To others a job does not exist.
create function corral.refuse_job(p_job corral.jobs, p_user uuid, p_admin boolean) returns text
language sql stable set search_path = ''
as $$
  select case
    when p_admin then case when p_job.id is null then 'job_not_found' end
    when p_user is null and not s.open_enrollment then 'unauthorized'
    when p_user is null and p_job.is_open or p_user = p_job.owner_id then null
    else 'job_not_found'
  end
    from corral.settings s
$$;

-- The newest reasons for which tasks of a job failed, newest first: [{task_id, attempt, reason, at}]. Whose the attempts
-- were is not told: an agent's id may be all that it shows.
create function corral.list_task_failures(p_job bigint) returns jsonb
language sql stable set search_path = ''
as $$
  with troubled as (
    (select task_id from corral.dead_letters where job_id = p_job order by failed_at desc limit 20)
    union
    (select task_id from corral.returns where job_id = p_job order by due_at desc limit 20)
  )
  select coalesce(jsonb_agg(f.failure order by f.failure ->> 'at' desc), '[]')
    from (
      select jsonb_build_object('task_id', t.id) || (r.reason - 'agent') as failure
        from troubled join corral.tasks t on t.id = troubled.task_id
       cross join lateral jsonb_array_elements(t.reasons) as r (reason)
       order by r.reason ->> 'at' desc
       limit 20
    ) f
$$;

-- What there is to tell about a job: itself, its counts as they are this moment, its pace, and what went wrong.
create function public.get_job(p_job bigint, p_user uuid default null, p_admin boolean default false)
returns table (
  outcome corral.job_lookup_outcome, id bigint, title text, status corral.job_status, is_paused boolean,
  owner_id uuid, project_id uuid, created_at timestamptz, finished_at timestamptz, original_code_url text,
  original_data_url text, original_requirements_url text, final_result_url text, aggregate corral.aggregate_mode,
  result_details jsonb, error_code text, error_message text, total_subtasks int, completed_subtasks int,
  failed_subtasks int, running_subtasks int, pending_subtasks int, cancelled_subtasks int, tasks_per_minute real,
  eta_seconds real, run jsonb, failures jsonb
)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_job corral.jobs := (select j from corral.jobs j where j.id = p_job);
  v_counts corral.task_counts;
  v_minutes real;
begin
  outcome := coalesce(corral.refuse_job(v_job, p_user, p_admin), 'found');
  if outcome = 'found' then
    v_counts := corral.count_tasks(v_job);
    id := v_job.id;
    title := v_job.title;
    status := v_job.status;
    is_paused := v_job.is_paused;
    owner_id := v_job.owner_id;
    project_id := v_job.project_id;
    created_at := v_job.created_at;
    finished_at := v_job.finished_at;
    original_code_url := v_job.code_url;
    original_data_url := v_job.data_url;
    original_requirements_url := v_job.requirements_url;
    final_result_url := v_job.final_result_url;
    aggregate := v_job.aggregate;
    result_details := v_job.result_details;
    error_code := v_job.error_code;
    error_message := v_job.error_message;
    total_subtasks := coalesce(v_job.total_tasks, 0);
    completed_subtasks := v_counts.completed;
    failed_subtasks := v_counts.failed;
    running_subtasks := v_counts.running;
    pending_subtasks := v_counts.pending;
    cancelled_subtasks := v_counts.cancelled;
    v_minutes := extract(epoch from coalesce(v_job.finished_at, corral.now()) - v_job.published_at) / 60;
    tasks_per_minute := case when v_minutes > 0 then v_counts.completed / v_minutes end;
    eta_seconds := case
      when v_job.status = 'RUNNING' and tasks_per_minute > 0
      then (v_counts.pending + v_counts.running) / tasks_per_minute * 60
    end;
    run := (
      select jsonb_build_object(
               'id', r.id, 'kind', r.kind, 'state', r.state, 'attempt', r.attempt, 'phase', r.phase,
               'progress', r.progress, 'error_code', r.error_code, 'error_message', r.error_message)
        from corral.runs r
       where r.kind in ('split', 'aggregate') and r.subject = p_job::text order by r.id desc limit 1);
    failures := corral.list_task_failures(p_job);
  end if;
  return next;
end
$$;

-- Where a job's result is. Unlike elsewhere, others learn here that the job exists.
create function public.download_job(p_job bigint, p_user uuid default null, p_admin boolean default false)
returns table (
  outcome corral.download_job_outcome, title text, status corral.job_status, owner_id uuid, final_result_url text
)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_job corral.jobs := (select j from corral.jobs j where j.id = p_job);
begin
  outcome := coalesce(corral.refuse_job(v_job, p_user, p_admin), 'found');
  if outcome = 'job_not_found' and v_job.id is not null then
    outcome := 'job_not_yours';
  elsif outcome = 'found' then
    title := v_job.title;
    status := v_job.status;
    owner_id := v_job.owner_id;
    final_result_url := v_job.final_result_url;
  end if;
  return next;
end
$$;

-- An owner's jobs, newest first; of another owner a caller sees none.
create function public.list_jobs(
  p_owner uuid, p_user uuid default null, p_admin boolean default false, p_limit int default 500
)
returns table (
  id bigint, title text, status corral.job_status, created_at timestamptz, original_code_url text,
  original_data_url text, final_result_url text
)
language sql stable security definer set search_path = ''
as $$
  select j.id, j.title, j.status, j.created_at, j.code_url, j.data_url, j.final_result_url
    from corral.jobs j
   where j.owner_id = p_owner and corral.refuse_job(j, p_user, p_admin) is null
   order by j.id desc
   limit least(p_limit, 500)
$$;

-- Steers a job: cancel ends it, and its agents learn it with their next call; pause and resume stop and start the
-- handing out; retry_failed hands out again what gave up, with its patience restored.
create function public.control_job(
  p_job bigint, p_action text, p_user uuid default null, p_admin boolean default false
)
returns table (outcome corral.control_job_outcome, status corral.job_status, tasks int)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_action corral.job_action := p_action;
  v_job corral.jobs := corral.lock_job(p_job, true);
begin
  tasks := 0;
  outcome := coalesce(
    corral.refuse_job(v_job, p_user, p_admin),
    case v_action
      when 'cancel' then corral.cancel_job(v_job)::text
      when 'pause' then corral.pause_job(v_job, true)::text
      when 'resume' then corral.pause_job(v_job, false)::text
    end);
  if v_action = 'retry_failed' and outcome is null then
    tasks := corral.retry_failed_tasks(v_job);
    outcome := case
      when tasks > 0 then 'done' when v_job.status in ('COMPLETED', 'CANCELLED') then 'job_over' else 'unchanged'
    end;
  end if;
  if outcome in ('done', 'unchanged', 'job_over') then
    status := (select j.status from corral.jobs j where j.id = p_job);
  end if;
  return next;
end
$$;

-- Ends a job and the run about it, whatever it is doing. The caller holds the job's lock.
create function corral.cancel_job(p_job corral.jobs) returns corral.control_job_outcome
language plpgsql set search_path = ''
as $$
begin
  if p_job.status = 'CANCELLED' then
    return 'unchanged';
  elsif p_job.finished_at is not null then
    return 'job_over';
  end if;
  update corral.runs
     set state = 'cancelled', lease_expires_at = null, finished_at = corral.now(),
         error_code = 'job_cancelled', error_message = 'The job was cancelled.'
   where kind in ('split', 'aggregate') and subject = p_job.id::text and state in ('queued', 'launching', 'running');
  perform corral.fold_queue(q) from corral.queue q where q.job_id = p_job.id;
  perform corral.close_job(p_job, 'CANCELLED');
  return 'done';
end
$$;

-- Stops or starts the handing out of a job's tasks; those that are under way go on. The caller holds the job's lock.
create function corral.pause_job(p_job corral.jobs, p_paused boolean) returns corral.control_job_outcome
language plpgsql set search_path = ''
as $$
begin
  if p_job.finished_at is not null then
    return 'job_over';
  elsif p_job.is_paused = p_paused then
    return 'unchanged';
  end if;
  update corral.jobs set is_paused = p_paused where id = p_job.id;
  update corral.queue set is_open = not p_paused where job_id = p_job.id;
  perform corral.refresh_lane(q.swarm_id, q.lane_key) from corral.queue q where q.job_id = p_job.id;
  return 'done';
end
$$;

-- Hands a job's dead letters out again, reopening the job if that is what ended it; answers how many. The caller holds
-- the job's lock.
create function corral.retry_failed_tasks(p_job corral.jobs) returns int
language plpgsql set search_path = ''
as $$
declare
  v_count int;
  v_counted int;
begin
  if p_job.status not in ('RUNNING', 'FAILED')
    or not exists (select from corral.dead_letters where job_id = p_job.id) then
    return 0;
  end if;
  if p_job.status = 'FAILED' then
    update corral.jobs set status = 'RUNNING', finished_at = null, error_code = null, error_message = null
     where id = p_job.id;
    perform corral.open_queue(p_job, false);
    update public.projects set status = 'training' where id = p_job.project_id and status = 'failed';
  end if;
  with letters as (
    delete from corral.dead_letters where job_id = p_job.id returning task_id
  ), revived as (
    update corral.tasks t
       set state = 'PENDING', failures = 0, agent_id = null, request_id = null, finished_at = null
      from letters where t.id = letters.task_id and t.state = 'FAILED'
    returning t.id
  ), watched as (
    insert into corral.leases (task_id, job_id)
    select r.id, p_job.id from revived r join corral.queue q on q.job_id = p_job.id
     where r.id <= corral.task_id(p_job.id, q.folded)
    on conflict do nothing
    returning task_id
  ), returned as (
    insert into corral.returns (task_id, job_id, due_at) select id, p_job.id, corral.now() from revived
    on conflict (task_id) do update set due_at = excluded.due_at
  )
  -- One that the sweep has not seen fail was still watched, or is still to be looked at, and never counted as failed.
  select (select count(*) from revived), (select count(*) from watched) into v_count, v_counted;
  update corral.jobs set failed_tasks = failed_tasks - v_counted where id = p_job.id;
  update corral.queue set has_returns = true where job_id = p_job.id;
  perform corral.refresh_lane(q.swarm_id, q.lane_key) from corral.queue q where q.job_id = p_job.id;
  return v_count;
end
$$;

revoke execute on function
  corral.refuse_job, corral.list_task_failures, corral.cancel_job, corral.pause_job, corral.retry_failed_tasks,
  public.get_job, public.download_job, public.list_jobs, public.control_job
  from public, anon, authenticated;
grant execute on function public.get_job, public.download_job, public.list_jobs, public.control_job to service_role;
