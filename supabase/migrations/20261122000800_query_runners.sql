-- What a query runner asks. Every call names the attempt of its run; one that is no longer current gets and changes
-- nothing.

-- Whether a runner's attempt is current.
create function corral.is_query_runner(p_run bigint, p_attempt int) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from corral.runs where id = p_run and attempt = p_attempt and kind = 'query' and state = 'running')
$$;

-- Takes up to p_limit queries off the queue, oldest first; no two runners get the same.
create function public.claim_queries(p_run bigint, p_attempt int, p_limit int)
returns table (
  query_id uuid, sql text, parameters jsonb, output_format corral.output_format, limits jsonb, attempt int,
  snapshots jsonb
)
language sql security definer set search_path = ''
as $$
  with taken as materialized (
    select id from corral.queries
     where state = 'pending' and corral.is_query_runner(p_run, p_attempt)
     order by created_at
     limit p_limit
       for no key update skip locked
  )
  update corral.queries q
     set state = 'running', run_id = p_run, run_attempt = p_attempt, attempt = q.attempt + 1, started_at = corral.now()
    from taken
   where q.id = taken.id
  returning q.id, q.sql, q.parameters, q.output_format, q.limits, q.attempt, q.snapshots
$$;

-- Of the queries that a runner works on, those that it is to stop. What it was given more than ten seconds ago and does
-- not name it never heard of: that goes back into the queue.
create function public.watch_queries(p_run bigint, p_attempt int, p_queries uuid[]) returns setof uuid
language plpgsql security definer set search_path = ''
as $$
begin
  update corral.queries
     set state = 'pending', run_id = null, run_attempt = null, attempt = attempt - 1, started_at = null
   where state = 'running' and run_id = p_run and run_attempt = p_attempt and id <> all (p_queries)
     and started_at < corral.now() - interval '10 seconds';
  return query
    select w.id from unnest(p_queries) w (id)
     where not exists (
       select from corral.queries q
        where q.id = w.id and q.state = 'running' and q.run_id = p_run and q.run_attempt = p_attempt);
end
$$;

-- Puts on record how a query ended, with its receipt.
create function corral.record_query_end(p_query corral.queries) returns void
language sql set search_path = ''
as $$
  insert into corral.audit (call_id, event, details, error_code, rows, bytes, milliseconds)
  values (
    p_query.call_id, 'detail',
    jsonb_strip_nulls(jsonb_build_object(
      'query_id', p_query.id, 'outcome', p_query.state, 'receipt', p_query.receipt, 'error', p_query.error,
      'tables', p_query.receipt -> 'snapshots')),
    p_query.error_code, p_query.row_count, p_query.result_bytes,
    extract(epoch from p_query.finished_at - p_query.started_at) * 1000)
$$;

-- Ends a query with its result, once. p_result: {columns, preview, is_cut, row_count, result_object, result_bytes,
-- receipt, stats}.
create function public.complete_query(p_run bigint, p_attempt int, p_query uuid, p_result jsonb)
returns corral.complete_query_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_query corral.queries;
begin
  update corral.queries q
     set state = 'completed', finished_at = corral.now(), columns = r.columns, preview = r.preview, is_cut = r.is_cut,
         row_count = r.row_count, result_object = r.result_object, result_bytes = r.result_bytes, receipt = r.receipt,
         stats = r.stats
    from jsonb_to_record(p_result) as r (
           columns jsonb, preview jsonb, is_cut boolean, row_count bigint, result_object text, result_bytes bigint,
           receipt jsonb, stats jsonb)
   where q.id = p_query and q.state = 'running' and q.run_id = p_run and q.run_attempt = p_attempt
  returning q.* into v_query;
  if not found then
    return case when exists (
      select from corral.queries
       where id = p_query and state = 'completed' and run_id = p_run and run_attempt = p_attempt)
      then 'completed' else 'stale' end;
  end if;
  perform corral.record_query_end(v_query);
  return 'completed';
end
$$;

-- Ends a query that cannot be answered, once.
create function public.fail_query(p_run bigint, p_attempt int, p_query uuid, p_code text, p_message text)
returns corral.fail_query_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_query corral.queries;
begin
  update corral.queries
     set state = 'failed', finished_at = corral.now(), error_code = p_code, error = p_message
   where id = p_query and state = 'running' and run_id = p_run and run_attempt = p_attempt
  returning * into v_query;
  if not found then
    return case when exists (
      select from corral.queries
       where id = p_query and state = 'failed' and run_id = p_run and run_attempt = p_attempt)
      then 'failed' else 'stale' end;
  end if;
  perform corral.record_query_end(v_query);
  return 'failed';
end
$$;

-- Puts queries that a runner could not finish back into the queue, as if it had not begun; answers how many.
create function public.return_queries(p_run bigint, p_attempt int, p_queries uuid[]) returns int
language plpgsql security definer set search_path = ''
as $$
declare
  v_count int;
begin
  update corral.queries
     set state = 'pending', run_id = null, run_attempt = null, attempt = attempt - 1, started_at = null
   where id = any (p_queries) and state = 'running' and run_id = p_run and run_attempt = p_attempt;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- Ends a runner's run unless a query waits.
create function public.leave_queue(p_run bigint, p_attempt int) returns corral.leave_queue_outcome
language plpgsql security definer set search_path = ''
as $$
begin
  perform corral.hold_query_queue(true);
  if not corral.is_query_runner(p_run, p_attempt) then
    return 'stale';
  elsif exists (select from corral.queries where state = 'pending') then
    return 'stay';
  end if;
  perform corral.succeed_run(p_run);
  return 'left';
end
$$;

-- Hands out again what dead runners held, twice, for a query may have done nothing but run beside the one that killed
-- them; one whose third runner dies has failed. And sees to it that there is a runner for what waits.
create function corral.sweep_queries() returns void
language plpgsql set search_path = ''
as $$
declare
  v_query corral.queries;
begin
  for v_query in
    select q.* from corral.queries q
     where q.state = 'running' and not corral.is_query_runner(q.run_id, q.run_attempt)
     limit 1000
       for no key update of q skip locked
  loop
    if v_query.attempt < 3 then
      update corral.queries
         set state = 'pending', run_id = null, run_attempt = null, started_at = null
       where id = v_query.id;
    else
      update corral.queries
         set state = 'failed', finished_at = corral.now(), error_code = 'runner_died',
             error = 'The query''s runner died, three times.'
       where id = v_query.id
      returning * into v_query;
      perform corral.record_query_end(v_query);
    end if;
  end loop;
  perform corral.hold_query_queue(false);
  if exists (select from corral.queries where state = 'pending') then
    perform corral.call_query_runners();
  end if;
end
$$;

revoke execute on function
  corral.is_query_runner, corral.record_query_end, corral.sweep_queries, public.claim_queries, public.watch_queries,
  public.complete_query, public.fail_query, public.return_queries, public.leave_queue
  from public, anon, authenticated;
grant execute on function
  public.claim_queries, public.watch_queries, public.complete_query, public.fail_query, public.return_queries,
  public.leave_queue
  to service_role;
