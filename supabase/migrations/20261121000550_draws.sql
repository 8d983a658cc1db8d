-- Drawing: which task an agent that asks is to have. A lane, in it a job, in it what came back or the next number.

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
-- job that these agents can do. Answers fewer than wanted while there may be more; none when there is nothing. Who has
-- taken a turn already says which.
create function corral.draw_tasks(p_swarm bigint, p_satisfies int[], p_wanted int, p_turn bigint default null)
returns bigint[]
language plpgsql set search_path = ''
as $$
declare
  v_lanes int;
  v_turn bigint;
  v_queue corral.queue;
  v_tasks bigint[];
  v_empty bigint[] := '{}';
begin
  select lanes, case when lanes > 0 then coalesce(p_turn, nextval(turn)) end into v_lanes, v_turn
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

revoke execute on function corral.take_tasks, corral.note_empty, corral.begin_training, corral.draw_tasks
  from public;
