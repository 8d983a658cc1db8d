-- What those see who run the fleet: runs and queries as tasks, their queues, and the containers that work on them.

-- Runs and queries alike, as tasks; a run's queue has the name of its kind.
create view corral.task_list with (security_invoker = true) as
select r.id as run_id, null::uuid as query_id, r.id::text as task_id, r.kind::text as queue, r.subject,
       case when r.state in ('queued', 'launching') then 'pending'
            when r.state = 'running' then 'running'
            when r.state = 'succeeded' then 'completed'
            else r.state::text end as state,
       r.attempt, r.run_after > corral.now() as is_scheduled, r.created_at, r.started_at, r.finished_at,
       r.progress || jsonb_build_object('phase', r.phase) as progress, r.error_code, r.error_message as error
  from corral.runs r
 union all
select null, q.id, q.id::text, 'queries', null, q.state::text, q.attempt, false, q.created_at, q.started_at, q.finished_at, null,
       q.error_code, q.error
  from corral.queries q;

-- A task as people read it.
create function corral.show_task(p_task corral.task_list) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object(
    'task_id', p_task.task_id, 'kind', p_task.queue, 'subject', p_task.subject, 'state', p_task.state,
    'success', case p_task.state when 'completed' then true when 'failed' then false end,
    'error', p_task.error, 'error_code', p_task.error_code, 'attempt', p_task.attempt, 'progress', p_task.progress,
    'created_at', p_task.created_at, 'started_at', p_task.started_at, 'finished_at', p_task.finished_at,
    'duration_seconds', extract(epoch from coalesce(p_task.finished_at, corral.now()) - p_task.started_at))
$$;

-- A run by its number or a query by its UUID.
create function public.get_task_status(p_call bigint, p_id text) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_task corral.task_list;
begin
  perform corral.admin(p_call);
  if p_id ~ '^\d{1,18}$' then
    select * into v_task from corral.task_list t where t.run_id = p_id::bigint;
  elsif pg_input_is_valid(p_id, 'uuid') then
    select * into v_task from corral.task_list t where t.query_id = p_id::uuid;
  end if;
  if v_task.task_id is null then
    raise exception using errcode = 'ZC126', message = 'Task not found';
  end if;
  return corral.show_task(v_task);
end
$$;

-- What runs at this moment, by queue.
create function public.list_active_tasks(p_call bigint) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  return (
    select coalesce(jsonb_object_agg(queue, tasks), '{}')
      from (select t.queue, jsonb_agg(corral.show_task(t) order by t.started_at) as tasks
              from corral.task_list t where t.state = 'running' group by t.queue) q);
end
$$;

-- How many tasks of each queue run, wait, and wait for a later moment.
create function public.list_task_queues(p_call bigint) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  return (
    select jsonb_object_agg(n.queue, jsonb_build_object(
             'active', coalesce(q.active, 0), 'reserved', coalesce(q.reserved, 0), 'scheduled', coalesce(q.scheduled, 0)))
      from (select unnest(enum_range(null::corral.run_kind))::text union all select 'queries') n (queue)
      left join (
        select t.queue, count(*) filter (where t.state = 'running') as active,
               count(*) filter (where t.state = 'pending' and not t.is_scheduled) as reserved,
               count(*) filter (where t.state = 'pending' and t.is_scheduled) as scheduled
          from corral.task_list t where t.state in ('pending', 'running') group by t.queue) q on q.queue = n.queue);
end
$$;

-- The containers that work, and how the runs of the last day went.
create function public.list_task_workers(p_call bigint) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  return (
    select jsonb_build_object(
             'total', count(*), 'active', count(*) filter (where r.state = 'running'),
             'succeeded', count(*) filter (where r.state = 'succeeded'), 'failed', count(*) filter (where r.state = 'failed'),
             'success_rate', round(avg(case r.state when 'succeeded' then 1.0 when 'failed' then 0.0 end), 4),
             'mean_seconds', round(avg(extract(epoch from r.finished_at - r.started_at)), 3),
             'workers', coalesce(jsonb_agg(jsonb_build_object(
               'name', coalesce(r.execution, 'run ' || r.id), 'kind', r.kind, 'run_id', r.id, 'state', r.state,
               'started_at', r.started_at, 'last_seen_at', r.reported_at,
               'processed', case when r.kind = 'query' then (
                 select count(*) from corral.queries q where q.run_id = r.id and q.finished_at is not null) end)
               order by r.started_at) filter (where r.state in ('launching', 'running')), '[]'))
      from corral.runs r
     where r.state in ('launching', 'running') or r.finished_at > corral.now() - interval '1 day');
end
$$;

revoke execute on function
  corral.show_task, public.get_task_status, public.list_active_tasks, public.list_task_queues,
  public.list_task_workers
  from public, anon, authenticated;
grant execute on function
  public.get_task_status, public.list_active_tasks, public.list_task_queues, public.list_task_workers
  to service_role;
