-- What owners ask: to create, see, steer and list jobs. Every call names its caller: a user's id, or null for one
-- without a token, and whether he is an admin. Callers without a token see what such callers made.

create type corral.create_job_outcome as enum (
  'created', 'existing', 'unauthorized', 'user_not_found', 'swarm_not_found', 'project_not_found', 'dataset_missing',
  'url_not_yours'
);
create type corral.submit_job_outcome as enum ('submitted', 'job_not_found', 'unauthorized', 'url_not_yours');
create type corral.job_lookup_outcome as enum ('found', 'job_not_found', 'unauthorized');
create type corral.control_job_outcome as enum ('done', 'unchanged', 'job_not_found', 'unauthorized', 'job_over');
create type corral.open_upload_outcome as enum ('allowed', 'unauthorized');
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

-- Whether an owner may have an object of the bucket read for him: an archive that one of his projects got, a file of
-- one of his jobs, or one that he uploaded. What is no gs:// URL is nobody's business here.
create function corral.may_read_object(p_url text, p_owner uuid, p_open boolean) returns boolean
language sql stable set search_path = ''
as $$
  select p_url is null or p_url not like 'gs://%'
    or coalesce(p_url ~ ('^gs://[^/]+/uploads/' || case when p_open then 'open' else p_owner::text end || '/'), false)
    or exists (
      select from public.datasets d join public.projects p on p.id = d.project_id
       where d.gcs_url = p_url and (p.user_id = p_owner or (p_open and p.user_id is null)))
    or exists (
      select from corral.jobs j
       where j.id = (regexp_match(p_url, '^gs://[^/]+/jobs/(\d{1,9})/'))[1]::bigint
         and j.is_open = p_open and j.owner_id is not distinct from p_owner)
$$;

-- The folder of the bucket that a caller may put files for his jobs into, without a slash at its end.
create function public.find_upload_folder(p_user uuid default null, p_admin boolean default false)
returns table (outcome corral.open_upload_outcome, folder text)
language sql stable security definer set search_path = ''
as $$
  select case when p_admin or p_user is not null or s.open_enrollment then 'allowed' else 'unauthorized' end
           ::corral.open_upload_outcome,
         'uploads/' || coalesce(p_user::text, case when p_admin then 'admin' else 'open' end)
    from corral.settings s
$$;

-- Adds a job, and the run that splits its data unless it is a draft; the same idempotency key again gives the same job.
-- A user's jobs are his own; admins and callers without a token say whose they are, or nobody's.
create function public.create_job(p_spec jsonb, p_user uuid default null, p_admin boolean default false)
returns table (outcome corral.create_job_outcome, job_id bigint)
language plpgsql security definer set search_path = ''
as $$
declare
  v_spec record;
  v_open boolean := p_user is null and not p_admin;
  v_owner uuid;
  v_swarm bigint;
  v_data_url text;
begin
  select * into v_spec from jsonb_to_record(p_spec) as s (
    user_id uuid, title text, swarm text, project_id uuid, data_url text, data_file text, code_url text,
    requirements_url text, chunks int, rows_per_chunk bigint, task_timeout_seconds int, max_attempts int,
    priority int, ram_gb numeric, gpu_model text, tags text[], aggregate corral.aggregate_mode,
    idempotency_key text, draft boolean);
  v_owner := case when p_user is not null and not p_admin then p_user else v_spec.user_id end;
  v_data_url := v_spec.data_url;
  select id into v_swarm from corral.swarms
   where name = coalesce(v_spec.swarm, 'default') and (owner_id is null or p_admin or owner_id = p_user);
  outcome := case
    when v_open and not (select open_enrollment from corral.settings) then 'unauthorized'
    when v_owner is not null and (
           not exists (select from public.users where id = v_owner) or v_owner <> coalesce(v_spec.user_id, v_owner))
    then 'user_not_found'
    when v_swarm is null then 'swarm_not_found'
    -- Whoever has no token has no project of somebody's either: its data would show up in a job that all can see.
    when v_open and exists (select from public.projects where id = v_spec.project_id and user_id is not null)
      then 'project_not_found'
    when v_spec.project_id is not null
      then corral.refuse_project(v_spec.project_id, p_user, p_admin, true)::text
  end;
  if outcome is null and v_spec.project_id is not null then
    v_data_url := (select gcs_url from corral.find_dataset(v_spec.project_id));
    v_owner := coalesce(v_owner, (select user_id from public.projects where id = v_spec.project_id));
    outcome := case when v_data_url is null then 'dataset_missing' end;
  elsif outcome is null and not p_admin and not corral.may_read_object(v_data_url, v_owner, v_open) then
    outcome := 'url_not_yours';
  end if;
  if outcome is null and not p_admin and not (
       corral.may_read_object(v_spec.code_url, v_owner, v_open)
       and corral.may_read_object(v_spec.requirements_url, v_owner, v_open)) then
    outcome := 'url_not_yours';
  end if;
  if outcome is not null then
    return next;
    return;
  end if;

  insert into corral.jobs (
    owner_id, is_open, swarm_id, project_id, title, is_draft, data_url, data_file, code_url, requirements_url, chunks,
    rows_per_chunk, task_timeout_seconds, max_attempts, priority, requirement_id, aggregate, idempotency_key)
  values (
    v_owner, v_open, v_swarm, v_spec.project_id, v_spec.title, coalesce(v_spec.draft, false), v_data_url,
    v_spec.data_file, v_spec.code_url, v_spec.requirements_url, v_spec.chunks, v_spec.rows_per_chunk,
    coalesce(v_spec.task_timeout_seconds, 3600), coalesce(v_spec.max_attempts, 3), coalesce(v_spec.priority, 0),
    corral.resolve_requirement(v_spec.ram_gb, v_spec.gpu_model, v_spec.tags),
    coalesce(v_spec.aggregate, 'none'), v_spec.idempotency_key)
  on conflict do nothing
  returning id into job_id;
  if job_id is null then
    outcome := 'existing';
    select id into job_id from corral.jobs
     where owner_id is not distinct from v_owner and idempotency_key = v_spec.idempotency_key;
  else
    outcome := 'created';
    if not coalesce(v_spec.draft, false) then
      perform corral.enqueue_run('split', job_id::text);
    end if;
  end if;
  return next;
end
$$;

-- Ends a draft: its files are in the bucket, and its data can be split.
create function public.submit_job(
  p_job bigint, p_data_url text, p_code_url text default null, p_requirements_url text default null,
  p_user uuid default null, p_admin boolean default false
) returns corral.submit_job_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_job corral.jobs := corral.lock_job(p_job, true);
  v_refusal text := corral.refuse_job(v_job, p_user, p_admin);
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  if not (corral.may_read_object(p_data_url, v_job.owner_id, v_job.is_open)
          and corral.may_read_object(p_code_url, v_job.owner_id, v_job.is_open)
          and corral.may_read_object(p_requirements_url, v_job.owner_id, v_job.is_open)) then
    return 'url_not_yours';
  end if;
  if v_job.is_draft and v_job.status = 'PROCESSING' then
    update corral.jobs
       set is_draft = false, data_url = p_data_url, code_url = p_code_url, requirements_url = p_requirements_url
     where id = p_job;
    perform corral.enqueue_run('split', p_job::text);
  end if;
  return 'submitted';
end
$$;

-- The newest reasons for which tasks of a job failed, newest first: [{task_id, attempt, reason, at}].
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
      select jsonb_build_object('task_id', t.id) || r.reason as failure
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
  corral.refuse_job, corral.may_read_object, corral.list_task_failures, corral.cancel_job, corral.pause_job,
  corral.retry_failed_tasks, public.find_upload_folder, public.create_job, public.submit_job, public.get_job, public.list_jobs,
  public.control_job
  from public, anon, authenticated;
grant execute on function
  public.find_upload_folder, public.create_job, public.submit_job, public.get_job, public.list_jobs, public.control_job
  to service_role;
