-- What the containers ask that split a job's data and aggregate its results. As for all runs, every call names its
-- attempt, and one that is no longer current changes nothing.

create type corral.job_task_outcome as enum ('ready', 'stale');
create type corral.add_tasks_outcome as enum ('added', 'stale');

-- Ends a job whose run was given up: without chunks it has failed; without an aggregate it is complete all the same,
-- and says why there is none. The caller holds the locks of project, job and run.
create function corral.give_up_job(p_run corral.runs, p_code text, p_message text) returns void
language plpgsql set search_path = ''
as $$
declare
  v_job corral.jobs := (select j from corral.jobs j where id = p_run.job_id);
begin
  if v_job.finished_at is null and p_run.kind = 'split' then
    perform corral.close_job(v_job, 'FAILED', p_code, p_message);
  elsif v_job.status = 'AGGREGATING' then
    perform corral.close_job(v_job, 'COMPLETED', p_code, 'Its results were not aggregated: ' || p_message);
  end if;
end
$$;

-- What a split needs to know.
create function public.get_split_task(p_run bigint, p_attempt int)
returns table (
  outcome corral.job_task_outcome, job_id bigint, data_url text, data_file text, chunks int, rows_per_chunk bigint
)
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
    select 'ready'::corral.job_task_outcome, j.id, j.data_url, j.data_file, j.chunks, j.rows_per_chunk
      from corral.runs r join corral.jobs j on j.id = r.job_id
     where r.id = p_run and r.attempt = p_attempt and r.state = 'running' and r.kind = 'split'
       and j.status = 'PROCESSING';
  if not found then
    outcome := 'stale';
    return next;
  end if;
end
$$;

-- Stores tasks that nobody can claim yet: [{number, chunk, rows}]. The same chunk again replaces itself.
create function public.add_tasks(p_run bigint, p_attempt int, p_chunks jsonb) returns corral.add_tasks_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_run corral.runs := corral.lock_attempt(p_run, p_attempt);
  v_status corral.job_status := (select status from corral.jobs where id = v_run.job_id);
begin
  if v_run.state is distinct from 'running' or v_status is distinct from 'PROCESSING' then
    return 'stale';
  end if;
  insert into corral.tasks (id, chunk, rows)
  select corral.task_id(v_run.job_id, c.number), c.chunk, c.rows
    from jsonb_to_recordset(p_chunks) as c (number int, chunk text, rows bigint)
  on conflict (id) do update set chunk = excluded.chunk, rows = excluded.rows;
  return 'added';
end
$$;

-- Lets a job's tasks 1 to p_total be claimed, all at once, and ends the run; tasks beyond are an earlier attempt's.
create function public.publish_tasks(p_run bigint, p_attempt int, p_total int, p_rows bigint default null)
returns corral.publish_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_run corral.runs := corral.lock_attempt(p_run, p_attempt);
  v_job corral.jobs := (select j from corral.jobs j where id = v_run.job_id);
begin
  if v_run.state = 'succeeded' and v_run.kind = 'split' then
    return 'published';
  elsif v_run.state is distinct from 'running' or v_job.status is distinct from 'PROCESSING' then
    return 'stale';
  end if;
  delete from corral.tasks
   where id between corral.task_id(v_job.id, p_total + 1) and corral.task_id(v_job.id, 9999999);
  if (select count(*) from corral.tasks
       where id between corral.task_id(v_job.id, 1) and corral.task_id(v_job.id, p_total)) <> p_total then
    raise exception 'Cannot publish job %: some of its % tasks were never added.', v_job.id, p_total;
  end if;
  update corral.jobs
     set status = 'RUNNING', total_tasks = p_total, total_rows = p_rows, published_at = corral.now()
   where id = v_job.id
  returning * into v_job;
  perform corral.open_queue(v_job, true);
  perform corral.succeed_run(p_run);
  return 'published';
end
$$;

-- What an aggregation needs to know.
create function public.get_aggregate_task(p_run bigint, p_attempt int)
returns table (outcome corral.job_task_outcome, job_id bigint, aggregate corral.aggregate_mode, total int)
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
    select 'ready'::corral.job_task_outcome, j.id, j.aggregate, j.total_tasks
      from corral.runs r join corral.jobs j on j.id = r.job_id
     where r.id = p_run and r.attempt = p_attempt and r.state = 'running' and r.kind = 'aggregate'
       and j.status = 'AGGREGATING';
  if not found then
    outcome := 'stale';
    return next;
  end if;
end
$$;

-- The results of a job's tasks in the order of their numbers, from after p_after on; none for an attempt that is stale.
create function public.list_results(p_run bigint, p_attempt int, p_after int default 0, p_limit int default 1000)
returns table (number int, task_id bigint, attempt int, result_url text, rows bigint)
language sql stable security definer set search_path = ''
as $$
  select (t.id - corral.task_id(r.job_id, 0))::int, t.id, t.attempt, t.result_url, coalesce(t.result_rows, t.rows)
    from corral.runs r
    join corral.tasks t
      on t.id between corral.task_id(r.job_id, p_after + 1) and corral.task_id(r.job_id, 9999999)
   where r.id = p_run and r.attempt = p_attempt and r.state = 'running' and r.kind = 'aggregate'
   order by t.id
   limit least(p_limit, 1000)
$$;

-- Ends a job with its aggregate, or without one where there was nothing to aggregate, and the run with it.
create function public.publish_result(
  p_run bigint, p_attempt int, p_url text default null, p_details jsonb default null
) returns corral.publish_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_run corral.runs := corral.lock_attempt(p_run, p_attempt);
  v_job corral.jobs := (select j from corral.jobs j where id = v_run.job_id);
begin
  if v_run.state = 'succeeded' and v_run.kind = 'aggregate' then
    return 'published';
  elsif v_run.state is distinct from 'running' or v_job.status is distinct from 'AGGREGATING' then
    return 'stale';
  end if;
  update corral.jobs set final_result_url = p_url, result_details = p_details where id = v_job.id;
  perform corral.close_job(v_job, 'COMPLETED');
  perform corral.succeed_run(p_run);
  return 'published';
end
$$;

revoke execute on function
  corral.give_up_job, public.get_split_task, public.add_tasks, public.publish_tasks, public.get_aggregate_task,
  public.list_results, public.publish_result
  from public, anon, authenticated;
grant execute on function
  public.get_split_task, public.add_tasks, public.publish_tasks, public.get_aggregate_task, public.list_results,
  public.publish_result
  to service_role;
