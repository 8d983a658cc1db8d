import type { TestDatabase } from "../setup/database.ts";

/**
 * What is wrong with the queue and the counts while nobody is claiming: each line names a rule and what breaks it.
 * Only a sweep makes all of them true, since claims and completions leave some things to it.
 */
const FAULTS = `
with recounts as (
  select j.id, count(*) filter (where t.state = 'COMPLETED') as completed,
         count(*) filter (where t.state = 'FAILED') as failed, count(*) filter (where t.state = 'RUNNING') as running
    from corral.jobs j
    left join (select id, state from corral.tasks union all select id, state from corral.finished_tasks) t
      on corral.job_of(t.id) = j.id
   group by j.id
), drawn as (
  select t.id, t.state, q.job_id
    from corral.queue q
    join corral.tasks t on t.id between corral.task_id(q.job_id, 1) and corral.task_id(
      q.job_id, case when q.sequence is null then q.total else corral.drawn(q.sequence, q.total) end)
)
select 'the lanes of a swarm are numbered without gaps: ' || s.name as fault
  from corral.swarms s
 where array(select position from corral.lanes l where l.swarm_id = s.id order by 1)
       <> array(select generate_series(0, s.lanes - 1))
union all
select 'an owner has a lane exactly while he has something to hand out: ' || coalesce(q.lane_key, l.lane_key)
  from (select distinct swarm_id, lane_key from corral.queue where is_open and (has_tickets or has_returns)) q
  full join corral.lanes l on l.swarm_id = q.swarm_id and l.lane_key = q.lane_key
 where q.swarm_id is null or l.swarm_id is null
union all
select 'the jobs on the queue are those that run: ' || coalesce(q.job_id, j.id)
  from corral.queue q full join (select id from corral.jobs where status = 'RUNNING') j on j.id = q.job_id
 where q.job_id is null or j.id is null
union all
select 'what was drawn and has not ended is watched, and nothing else: ' || coalesce(d.id, l.task_id)
  from (select id from drawn where state in ('PENDING', 'RUNNING')) d full join corral.leases l on l.task_id = d.id
 where d.id is null or l.task_id is null
union all
select 'what was drawn and waits is handed out again: ' || d.id
  from drawn d where d.state = 'PENDING' and not exists (select from corral.returns r where r.task_id = d.id)
union all
select 'only tasks of jobs on the queue come back: ' || r.task_id
  from corral.returns r where not exists (select from corral.queue q where q.job_id = r.job_id)
union all
select 'the mark says whether something that is due came back: ' || q.job_id
  from corral.queue q
 where q.has_returns
       <> exists (select from corral.returns r where r.job_id = q.job_id and r.due_at <= corral.now())
union all
select 'the mark says whether the dispenser has numbers left: ' || q.job_id
  from corral.queue q where q.has_tickets <> (q.sequence is not null and corral.drawn(q.sequence, q.total) < q.total)
union all
select 'a task that failed has a letter, and no other: ' || coalesce(t.id, d.task_id)
  from (select id from corral.tasks where state = 'FAILED') t full join corral.dead_letters d on d.task_id = t.id
 where t.id is null or d.task_id is null
union all
select 'a dispenser is lent to the job that draws from it: ' || coalesce(q.job_id, d.job_id)
  from (select job_id, sequence from corral.queue where sequence is not null) q
  full join (select job_id, sequence from corral.dispensers where job_id is not null) d
    on d.job_id = q.job_id and d.sequence = q.sequence
 where q.job_id is null or d.job_id is null
union all
select format('the counts of job %s are those of its tasks: %s/%s/%s are %s/%s/%s', r.id, g.completed_subtasks,
              g.failed_subtasks, g.running_subtasks, r.completed, r.failed, r.running)
  from recounts r cross join lateral public.get_job(r.id, null, true) g
 where g.status <> 'CANCELLED'
   and (g.completed_subtasks, g.failed_subtasks, g.running_subtasks) <> (r.completed, r.failed, r.running)
union all
select 'all tasks of a job are in some state: ' || g.id
  from corral.jobs j cross join lateral public.get_job(j.id, null, true) g
 where g.total_subtasks
       <> g.completed_subtasks + g.failed_subtasks + g.running_subtasks + g.pending_subtasks + g.cancelled_subtasks
    or least(g.completed_subtasks, g.failed_subtasks, g.running_subtasks, g.pending_subtasks, g.cancelled_subtasks) < 0
`;

/** Which rules of the queue and of the counts are broken right now; none after a sweep, whatever happened before it. */
export async function findQueueFaults(db: Pick<TestDatabase, "sql">): Promise<string[]> {
  return (await db.sql<{ fault: string }>(FAULTS)).map(({ fault }) => fault);
}
