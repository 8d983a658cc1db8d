-- How tasks are handed out. A claim picks a lane (an owner of the swarm, in turn), in it a job (by priority, then the
-- oldest), and draws a number from the job's dispenser: a sequence, which neither locks nor leaves dead entries behind.
-- What was drawn and came back (failed, expired, rolled back) is handed out from the small table of returns.
-- Whoever locks several of these locks in this order: project, job, queue, swarm. A claim waits for none of them.

-- The sequences that number draws: as many as there were ever jobs at one time, lent again and again.
create table corral.dispensers (
  id int generated always as identity primary key,
  sequence regclass not null,
  job_id bigint unique references corral.jobs on delete set null
);
alter table corral.dispensers enable row level security;

-- The jobs that have tasks to hand out or under way.
create table corral.queue (
  job_id bigint primary key references corral.jobs on delete cascade,
  swarm_id bigint not null references corral.swarms on delete cascade,
  -- The owner's id; jobs without an owner share one lane.
  lane_key uuid not null,
  priority int not null,
  requirement_id int not null,
  sequence regclass,
  total int not null,
  is_open boolean not null default true,
  has_tickets boolean not null default true,
  has_returns boolean not null default false,
  folded int not null default 0,
  first_claim_pending boolean not null default false
) with (fillfactor = 50);
alter table corral.queue enable row level security;
create index queue_lane_idx on corral.queue (swarm_id, lane_key, priority desc, job_id);
comment on column corral.queue.is_open is 'False while the job is paused.';
comment on column corral.queue.has_tickets is 'Whether the dispenser has numbers left.';
comment on column corral.queue.has_returns is 'Whether returns may hold a task that is due.';
comment on column corral.queue.folded is 'Up to which number the sweep has looked at what was drawn.';
comment on column corral.queue.first_claim_pending is 'Whether the first claim still has to set the job''s project to training.';

-- Whose turn can come: one row per owner that has something to hand out, numbered without gaps.
create table corral.lanes (
  swarm_id bigint not null references corral.swarms on delete cascade,
  position int not null,
  lane_key uuid not null,
  primary key (swarm_id, position),
  unique (swarm_id, lane_key)
);
alter table corral.lanes enable row level security;

-- Tasks to hand out again, once they are due; like dead letters, without a foreign key.
create table corral.returns (
  task_id bigint primary key,
  job_id bigint not null,
  due_at timestamptz not null
);
alter table corral.returns enable row level security;
create index returns_job_idx on corral.returns (job_id, task_id);

-- Tasks that were drawn and had not ended when the sweep last looked: those whose leases it watches.
create table corral.leases (
  task_id bigint primary key,
  job_id bigint not null references corral.jobs on delete cascade
);
alter table corral.leases enable row level security;
create index leases_job_id_idx on corral.leases (job_id);

-- Lends a job a sequence that starts at 1; makes one only when all are lent.
create function corral.lend_dispenser(p_job bigint) returns regclass
language plpgsql set search_path = ''
as $$
declare
  v_sequence regclass;
  v_name text;
begin
  select sequence into v_sequence from corral.dispensers where job_id is null limit 1 for update skip locked;
  if not found then
    v_name := format('corral.dispenser_%s', replace(gen_random_uuid()::text, '-', ''));
    execute format('create sequence %s', v_name);
    v_sequence := v_name::regclass;
    insert into corral.dispensers (sequence) values (v_sequence);
  end if;
  update corral.dispensers set job_id = p_job where sequence = v_sequence;
  perform setval(v_sequence, 1, false);
  return v_sequence;
end
$$;

-- How many numbers a dispenser has given out; a crash may have skipped some of them.
create function corral.drawn(p_sequence regclass, p_total int) returns int
language sql volatile set search_path = ''
as $$ select least(coalesce(pg_sequence_last_value(p_sequence), 0), p_total)::int $$;

-- Gives an owner a lane in a swarm exactly while he has something to hand out. Takes the swarm's lock; with p_wait off
-- it leaves things as they are when somebody holds it.
create function corral.refresh_lane(p_swarm bigint, p_lane_key uuid, p_wait boolean default true) returns void
language plpgsql set search_path = ''
as $$
declare
  v_lanes int;
  v_position int;
  v_wanted boolean;
begin
  if p_wait then
    select lanes into v_lanes from corral.swarms where id = p_swarm for no key update;
  else
    select lanes into v_lanes from corral.swarms where id = p_swarm for no key update skip locked;
  end if;
  if not found then
    return;
  end if;
  select position into v_position from corral.lanes where swarm_id = p_swarm and lane_key = p_lane_key;
  v_wanted := exists (
    select from corral.queue
     where swarm_id = p_swarm and lane_key = p_lane_key and is_open and (has_tickets or has_returns));
  if v_wanted and v_position is null then
    insert into corral.lanes (swarm_id, position, lane_key) values (p_swarm, v_lanes, p_lane_key);
    update corral.swarms set lanes = v_lanes + 1 where id = p_swarm;
  elsif not v_wanted and v_position is not null then
    delete from corral.lanes where swarm_id = p_swarm and position = v_position;
    -- The last lane fills the gap.
    update corral.lanes set position = v_position where swarm_id = p_swarm and position = v_lanes - 1;
    update corral.swarms set lanes = v_lanes - 1 where id = p_swarm;
  end if;
end
$$;

-- Puts a job's tasks on the queue: all of them, or only those that come back (retries of a job that was closed).
create function corral.open_queue(p_job corral.jobs, p_all boolean) returns void
language plpgsql set search_path = ''
as $$
declare
  v_lane_key uuid := coalesce(p_job.owner_id, '00000000-0000-0000-0000-000000000000');
begin
  insert into corral.queue (
    job_id, swarm_id, lane_key, priority, requirement_id, sequence, total, is_open, has_tickets, has_returns, folded,
    first_claim_pending)
  values (
    p_job.id, p_job.swarm_id, v_lane_key, p_job.priority, p_job.requirement_id,
    case when p_all then corral.lend_dispenser(p_job.id) end, p_job.total_tasks, not p_job.is_paused, p_all, not p_all,
    case when p_all then 0 else p_job.total_tasks end, p_job.project_id is not null);
  perform corral.refresh_lane(p_job.swarm_id, v_lane_key);
end
$$;

-- Takes a job off the queue and its dispenser back.
create function corral.close_queue(p_job bigint) returns void
language plpgsql set search_path = ''
as $$
declare
  v_queue corral.queue;
begin
  delete from corral.queue where job_id = p_job returning * into v_queue;
  if found then
    perform corral.refresh_lane(v_queue.swarm_id, v_queue.lane_key);
  end if;
  delete from corral.returns where job_id = p_job;
  delete from corral.leases where job_id = p_job;
  update corral.dispensers set job_id = null where job_id = p_job;
end
$$;

revoke execute on function
  corral.lend_dispenser, corral.drawn, corral.refresh_lane, corral.open_queue, corral.close_queue
  from public;
