-- The end of jobs, and the counts on the way there. No completion writes a counter: what was drawn since the last look
-- is counted when the sweep, or whoever asks, looks at it.

-- How many tasks of a job are in which state.
create type corral.task_counts as (completed int, failed int, running int, pending int, cancelled int);

-- Moves a job's mark to what has been drawn by now: what has ended is counted, what has not goes under watch. The
-- caller holds the lock of the job's row in the queue.
create function corral.fold_queue(p_queue corral.queue) returns void
language plpgsql set search_path = ''
as $$
declare
  v_drawn int := case when p_queue.sequence is null then p_queue.total
                      else corral.drawn(p_queue.sequence, p_queue.total) end;
  v_completed int := 0;
  v_failed int := 0;
  v_watched corral.task_counts;
begin
  if v_drawn > p_queue.folded then
    with range as materialized (
      select id, state from corral.tasks
       where id between corral.task_id(p_queue.job_id, p_queue.folded + 1) and corral.task_id(p_queue.job_id, v_drawn)
    ), watched as (
      insert into corral.leases (task_id, job_id)
      select id, p_queue.job_id from range where state in ('PENDING', 'RUNNING')
      on conflict do nothing
    )
    select count(*) filter (where state = 'COMPLETED'), count(*) filter (where state = 'FAILED')
      into v_completed, v_failed from range;
  end if;
  with ended as materialized (
    select l.task_id, t.state from corral.leases l join corral.tasks t on t.id = l.task_id
     where l.job_id = p_queue.job_id and t.state not in ('PENDING', 'RUNNING')
  ), unwatched as (
    delete from corral.leases l using ended where l.task_id = ended.task_id returning ended.state
  )
  select count(*) filter (where state = 'COMPLETED') + v_completed,
         count(*) filter (where state = 'FAILED') + v_failed
    into v_completed, v_failed from unwatched;
  if v_drawn > p_queue.folded then
    update corral.queue set folded = v_drawn where job_id = p_queue.job_id;
  end if;
  if v_completed + v_failed > 0 then
    update corral.jobs
       set completed_tasks = completed_tasks + v_completed, failed_tasks = failed_tasks + v_failed
     where id = p_queue.job_id;
  end if;
end
$$;

-- The counts of a job as they are this moment, those included that the sweep has not seen yet.
create function corral.count_tasks(p_job corral.jobs) returns corral.task_counts
language plpgsql stable set search_path = ''
as $$
declare
  v_queue corral.queue := (select q from corral.queue q where job_id = p_job.id);
  v_counts corral.task_counts;
begin
  select count(*) filter (where t.state = 'COMPLETED') + p_job.completed_tasks,
         count(*) filter (where t.state = 'FAILED') + p_job.failed_tasks,
         count(*) filter (where t.state = 'RUNNING'), 0, 0
    into v_counts
    from (
      select l.task_id as id from corral.leases l where l.job_id = p_job.id
      union all
      select r.id from corral.tasks r
       where v_queue.sequence is not null
         and r.id between corral.task_id(p_job.id, v_queue.folded + 1)
                      and corral.task_id(p_job.id, corral.drawn(v_queue.sequence, v_queue.total))
    ) drawn join corral.tasks t on t.id = drawn.id;
  if p_job.status = 'CANCELLED' then
    v_counts.running := 0;
    v_counts.cancelled := coalesce(p_job.total_tasks, 0) - v_counts.completed - v_counts.failed;
  else
    v_counts.pending := coalesce(p_job.total_tasks, 0) - v_counts.completed - v_counts.failed - v_counts.running;
  end if;
  return v_counts;
end
$$;

-- Ends a job: its queue, its project, and a word to its owner. The caller holds the locks of project and job.
create function corral.close_job(
  p_job corral.jobs, p_status corral.job_status, p_error_code text default null, p_error_message text default null
) returns void
language plpgsql set search_path = ''
as $$
begin
  perform corral.close_queue(p_job.id);
  update corral.jobs
     set status = p_status, finished_at = corral.now(), is_paused = false,
         error_code = p_error_code, error_message = p_error_message
   where id = p_job.id;
  update public.projects
     set status = case p_status when 'COMPLETED' then 'completed' else 'failed' end::public.project_status
   where id = p_job.project_id and status in ('pending_training', 'training') and p_status <> 'CANCELLED';
  if p_job.project_id is not null then
    insert into public.agent_logs (project_id, agent_name, message, log_level)
    values (p_job.project_id, 'compute',
            format('Job %s %s%s', p_job.id, lower(p_status::text), coalesce(': ' || p_error_message, '')),
            case p_status when 'COMPLETED' then 'info' else 'error' end);
  end if;
  insert into public.messages (user_id, role, content)
  select p_job.owner_id, 'assistant', case p_status
      when 'COMPLETED' then format('Job "%s" is done.%s', p_job.title, coalesce(' ' || p_error_message, ''))
      when 'FAILED' then format('Job "%s" failed: %s', p_job.title, p_error_message)
      else format('Job "%s" was cancelled.', p_job.title)
    end
   where p_job.owner_id is not null;
end
$$;

-- Locks a job, and before it the project that it is about with its owner; answers null when there is no such job, or
-- when somebody holds one of them and p_wait is off.
create function corral.lock_job(p_job bigint, p_wait boolean) returns corral.jobs
language plpgsql set search_path = ''
as $$
declare
  v_job corral.jobs := (select j from corral.jobs j where id = p_job);
begin
  if p_wait then
    perform from public.users where id = v_job.owner_id for key share;
    perform from public.projects where id = v_job.project_id for no key update;
    select * into v_job from corral.jobs where id = p_job for no key update;
  else
    perform from public.users where id = v_job.owner_id for key share skip locked;
    if not found and v_job.owner_id is not null then
      return null;
    end if;
    perform from public.projects where id = v_job.project_id for no key update skip locked;
    if not found and v_job.project_id is not null then
      return null;
    end if;
    select * into v_job from corral.jobs where id = p_job for no key update skip locked;
  end if;
  return case when found then v_job end;
end
$$;

-- Closes a job whose tasks have all ended, or starts the aggregation of their results; answers whether the job is past
-- its tasks. Harmless at any time, and when somebody else is at it: the sweep asks again.
create function public.settle_job(p_job bigint) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
  v_job corral.jobs := corral.lock_job(p_job, false);
  v_queue corral.queue;
begin
  if v_job.status is distinct from 'RUNNING' then
    return false;
  end if;
  select * into v_queue from corral.queue where job_id = p_job for no key update skip locked;
  if not found then
    return false;
  end if;
  perform corral.fold_queue(v_queue);
  if v_queue.has_tickets and corral.drawn(v_queue.sequence, v_queue.total) < v_queue.total
    or exists (select from corral.leases where job_id = p_job) then
    return false;
  end if;
  select * into v_job from corral.jobs where id = p_job;
  if v_job.failed_tasks > 0 then
    perform corral.close_job(v_job, 'FAILED', 'tasks_failed', format(
      '%s of %s tasks failed. Their reasons are kept; retry_failed hands them out again.',
      v_job.failed_tasks, v_job.total_tasks));
  elsif v_job.aggregate = 'none' then
    perform corral.close_job(v_job, 'COMPLETED');
  else
    perform corral.close_queue(p_job);
    update corral.jobs set status = 'AGGREGATING' where id = p_job;
    perform corral.enqueue_run('aggregate', p_job::text);
  end if;
  return true;
end
$$;

revoke execute on function
  corral.fold_queue, corral.count_tasks, corral.close_job, corral.lock_job, public.settle_job
  from public, anon, authenticated;
grant execute on function public.settle_job to service_role;
