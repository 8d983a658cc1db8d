-- The sweep of the compute lane: tasks whose agents fell silent, numbers that were drawn and lost, jobs that are over.
-- What somebody holds locked is left for the next sweep.

alter table corral.settings
  add column job_retention_days int not null default 30 check (job_retention_days > 0),
  add column agent_retention_days int not null default 30 check (agent_retention_days > 0),
  add column draft_timeout_seconds int not null default 3600 check (draft_timeout_seconds > 0),
  add column put_away_after_seconds int not null default 3600 check (put_away_after_seconds >= 0);
comment on column corral.settings.job_retention_days is 'How long jobs and their tasks are kept after their end.';
comment on column corral.settings.agent_retention_days is 'How long an agent may be silent before it is forgotten.';
comment on column corral.settings.draft_timeout_seconds is 'How long the upload of a job''s files may take.';
comment on column corral.settings.put_away_after_seconds is 'How long the tasks of a closed job stay in the hot table.';
alter table corral.jobs add column is_put_away boolean not null default false;
create index jobs_put_away_idx on corral.jobs (finished_at)
  where not is_put_away and status in ('COMPLETED', 'CANCELLED');

-- When a running task counts as abandoned: three heartbeats after its agent was last heard of, where it declared any;
-- in any case when the task's time is up; at once when the agent is gone.
create function corral.lease_end(p_task corral.tasks, p_job corral.jobs, p_agent corral.agents) returns timestamptz
language sql immutable
as $$
  select case when p_agent.id is null then p_task.claimed_at else least(
    p_task.claimed_at + make_interval(secs => p_job.task_timeout_seconds),
    greatest(p_agent.last_seen_at, p_task.claimed_at)
      + make_interval(secs => 3 * p_agent.heartbeat_interval_seconds))
  end
$$;

-- Takes tasks from agents whose leases have ended; answers how many.
create function corral.expire_task_leases() returns int
language plpgsql set search_path = ''
as $$
declare
  v_expired record;
  v_task corral.tasks;
  v_count int := 0;
begin
  for v_expired in
    select t.id, t.attempt, t.agent_id, j.max_attempts, a.id is null as is_gone
      from corral.leases l
      join corral.tasks t on t.id = l.task_id and t.state = 'RUNNING'
      join corral.jobs j on j.id = l.job_id
      left join corral.agents a on a.id = t.agent_id
     where corral.lease_end(t, j, a) < corral.now()
     limit 5000
  loop
    -- Once more, under the lock: the task may have ended, or its agent may have spoken.
    select t.* into v_task
      from corral.tasks t
      join corral.jobs j on j.id = corral.job_of(t.id)
      left join corral.agents a on a.id = t.agent_id
     where t.id = v_expired.id and t.attempt = v_expired.attempt and t.state = 'RUNNING'
       and corral.lease_end(t, j, a) < corral.now()
       for no key update of t skip locked;
    continue when not found;
    perform corral.return_task(
      v_task, case when v_expired.is_gone then 'The agent is gone.' else 'The agent did not finish in time.' end,
      true, true, v_expired.max_attempts,
      -- A machine that died says nothing about its task: the next may have it at once, but not for ever.
      case when v_task.failures > 0 then corral.backoff(v_task.failures) else '0' end);
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;

-- Hands out again what was drawn and claimed by nobody: the number is burnt, the task is not; answers how many.
create function corral.return_burnt_tickets() returns int
language sql set search_path = ''
as $$
  with burnt as (
    insert into corral.returns (task_id, job_id, due_at)
    select l.task_id, l.job_id, corral.now()
      from corral.leases l join corral.tasks t on t.id = l.task_id and t.state = 'PENDING'
     where not exists (select from corral.returns r where r.task_id = l.task_id)
    on conflict do nothing
    returning task_id
  )
  select count(*)::int from burnt
$$;

-- Puts right what claims left alone because somebody held it: the marks of the queue, and the lanes.
create function corral.mend_queue() returns void
language plpgsql set search_path = ''
as $$
declare
  v_job bigint;
  v_lane record;
begin
  -- What came back at the very moment at which its job was cancelled, or was not lost at all.
  delete from corral.returns where task_id in (
    select r.task_id from corral.returns r
     where not exists (select from corral.queue q where q.job_id = r.job_id)
        or not exists (select from corral.tasks t where t.id = r.task_id and t.state = 'PENDING')
       for update skip locked);
  for v_job in
    select q.job_id from corral.queue q
     where q.has_returns <> exists (
             select from corral.returns r where r.job_id = q.job_id and r.due_at <= corral.now())
        or q.has_tickets and corral.drawn(q.sequence, q.total) >= q.total
       for no key update of q skip locked
  loop
    update corral.queue q
       set has_returns = exists (
             select from corral.returns r where r.job_id = q.job_id and r.due_at <= corral.now()),
           has_tickets = q.has_tickets and corral.drawn(q.sequence, q.total) < q.total
     where q.job_id = v_job;
  end loop;
  for v_lane in
    select coalesce(q.swarm_id, l.swarm_id) as swarm_id, coalesce(q.lane_key, l.lane_key) as lane_key
      from (select distinct swarm_id, lane_key from corral.queue where is_open and (has_tickets or has_returns)) q
      full join corral.lanes l on l.swarm_id = q.swarm_id and l.lane_key = q.lane_key
     where q.swarm_id is null or l.swarm_id is null
  loop
    perform corral.refresh_lane(v_lane.swarm_id, v_lane.lane_key, false);
  end loop;
end
$$;

-- Settles the jobs about which there is something new, and starts the training of projects that claims left alone;
-- answers how many jobs went past their tasks.
create function corral.settle_jobs() returns int
language plpgsql set search_path = ''
as $$
declare
  v_queue record;
  v_count int := 0;
begin
  for v_queue in
    select q.job_id, q.first_claim_pending and d.drawn > 0 as is_training
      from corral.queue q
     cross join lateral (
       select case when q.sequence is null then q.total else corral.drawn(q.sequence, q.total) end as drawn) d
     where d.drawn > q.folded or exists (select from corral.leases l where l.job_id = q.job_id)
        or not q.has_tickets
  loop
    if v_queue.is_training then
      perform corral.begin_training(v_queue.job_id);
    end if;
    v_count := v_count + public.settle_job(v_queue.job_id)::int;
  end loop;
  return v_count;
end
$$;

-- Fails the drafts whose files never came.
create function corral.fail_stale_drafts() returns void
language plpgsql set search_path = ''
as $$
declare
  v_draft bigint;
  v_job corral.jobs;
begin
  for v_draft in
    select j.id from corral.jobs j cross join corral.settings s
     where j.finished_at is null and j.is_draft
       and j.created_at < corral.now() - make_interval(secs => s.draft_timeout_seconds)
  loop
    v_job := corral.lock_job(v_draft, false);
    -- Once more, under the lock: it may have been submitted.
    continue when v_job.is_draft is not true or v_job.finished_at is not null;
    perform corral.close_job(v_job, 'FAILED', 'upload_incomplete', 'The upload of its files did not end.');
  end loop;
end
$$;

-- Ends what a cancelled job left undone, and counts what was completed while it was being cancelled.
create function corral.end_cancelled_tasks(p_job bigint) returns void
language sql set search_path = ''
as $$
  update corral.finished_tasks set state = 'CANCELLED', finished_at = corral.now()
   where state in ('PENDING', 'RUNNING') and id between corral.task_id(p_job, 1) and corral.task_id(p_job, 9999999);
  update corral.jobs
     set completed_tasks = counted.completed, failed_tasks = counted.failed
    from (
      select count(*) filter (where state = 'COMPLETED') as completed, count(*) filter (where state = 'FAILED') as failed
        from corral.finished_tasks where id between corral.task_id(p_job, 1) and corral.task_id(p_job, 9999999)
    ) counted
   where jobs.id = p_job;
  delete from corral.dead_letters where job_id = p_job;
$$;

-- Moves the tasks of jobs that are over out of the hot table, some thousands at a time; answers how many.
create function corral.put_away_tasks() returns int
language plpgsql set search_path = ''
as $$
declare
  v_job record;
  v_moved int;
  v_count int := 0;
begin
  for v_job in
    select j.id, j.status from corral.jobs j cross join corral.settings s
     where not j.is_put_away and j.status in ('COMPLETED', 'CANCELLED')
       and j.finished_at < corral.now() - make_interval(secs => s.put_away_after_seconds)
     order by j.finished_at
     limit 20
       for no key update of j skip locked
  loop
    with old as (
      select id from corral.tasks
       where id between corral.task_id(v_job.id, 1) and corral.task_id(v_job.id, 9999999)
       order by id
       limit 5000
    ), moved as (
      delete from corral.tasks t using old where t.id = old.id returning t.*
    )
    insert into corral.finished_tasks select * from moved;
    get diagnostics v_moved = row_count;
    v_count := v_count + v_moved;
    exit when v_moved = 5000;
    if v_job.status = 'CANCELLED' then
      perform corral.end_cancelled_tasks(v_job.id);
    end if;
    update corral.jobs set is_put_away = true where id = v_job.id;
  end loop;
  return v_count;
end
$$;

-- Counts the agents that are there, once a minute: the size of the fleet says how often each may ask.
create function corral.count_fleet() returns void
language sql set search_path = ''
as $$
  update corral.fleet
     set online = (select count(*) from corral.agents a where not corral.is_offline(a)), counted_at = corral.now()
   where counted_at < corral.now() - interval '1 minute'
$$;

-- Puts right what went wrong in the compute lane since the last sweep; answers how much of each.
create function corral.sweep_tasks()
returns table (expired int, burnt int, settled int, put_away int)
language plpgsql set search_path = ''
as $$
begin
  perform corral.count_fleet();
  expired := corral.expire_task_leases();
  settled := corral.settle_jobs();
  burnt := corral.return_burnt_tickets();
  perform corral.mend_queue();
  perform corral.fail_stale_drafts();
  put_away := corral.put_away_tasks();
  return next;
end
$$;

-- Deletes the jobs and agents whose time is up; what a job leaves in the bucket is the cleanup job's.
create function corral.forget_old_jobs() returns void
language plpgsql set search_path = ''
as $$
declare
  v_settings corral.settings := (select s from corral.settings s);
begin
  delete from corral.jobs where finished_at < corral.now() - make_interval(days => v_settings.job_retention_days);
  delete from corral.agents where last_seen_at < corral.now() - make_interval(days => v_settings.agent_retention_days);
end
$$;

-- Of these jobs, those that there are.
create function public.list_known_jobs(p_jobs bigint[]) returns setof bigint
language sql stable security definer set search_path = ''
as $$ select id from corral.jobs where id = any (p_jobs) $$;

-- Of these gs:// URLs, those that no job refers to, and no project that may still become one.
create function public.list_unreferenced_uploads(p_urls text[]) returns setof text
language sql stable security definer set search_path = ''
as $$
  select unnest(p_urls)
  except
  select unnest(array[data_url, code_url, requirements_url]) from corral.jobs
  except
  select unnest(array[metadata #>> '{training,code_url}', metadata #>> '{training,requirements_url}'])
    from public.projects where metadata ? 'training'
$$;

revoke execute on function
  corral.lease_end, corral.expire_task_leases, corral.return_burnt_tickets, corral.mend_queue, corral.settle_jobs,
  corral.fail_stale_drafts, corral.end_cancelled_tasks, corral.put_away_tasks, corral.count_fleet, corral.sweep_tasks,
  corral.forget_old_jobs, public.list_known_jobs, public.list_unreferenced_uploads
  from public, anon, authenticated;
grant execute on function public.list_known_jobs, public.list_unreferenced_uploads to service_role;

select cron.schedule('corral-sweep-tasks', '10 seconds', 'select corral.sweep_tasks()');
select cron.schedule('corral-forget-jobs', '27 3 * * *', 'select corral.forget_old_jobs()');
