-- Queries: SQL over the snapshots that a caller may see, run by warm containers that drain the queue.

create type corral.output_format as enum ('csv', 'json', 'parquet');
create type corral.complete_query_outcome as enum ('completed', 'stale');
create type corral.fail_query_outcome as enum ('failed', 'stale');
create type corral.leave_queue_outcome as enum ('left', 'stay', 'stale');

create table corral.queries (
  id uuid primary key default gen_random_uuid(),
  call_id bigint not null,
  swarm_id bigint references corral.swarms on delete cascade,
  holder text not null,
  sql text not null,
  parameters jsonb,
  output_format corral.output_format not null,
  limits jsonb not null,
  snapshots jsonb not null,
  state corral.work_state not null default 'pending',
  run_id bigint,
  run_attempt int,
  attempt int not null default 0,
  created_at timestamptz not null default corral.now(),
  started_at timestamptz,
  finished_at timestamptz,
  columns jsonb,
  preview jsonb,
  is_cut boolean,
  row_count bigint,
  result_object text,
  result_bytes bigint,
  receipt jsonb,
  stats jsonb,
  error_code text,
  error text,
  check ((finished_at is not null) = (state in ('completed', 'failed', 'cancelled')))
);
alter table corral.queries enable row level security;
create index queries_pending_idx on corral.queries (created_at) where state = 'pending';
create index queries_running_idx on corral.queries (run_id) where state = 'running';
create index queries_run_id_idx on corral.queries (run_id) where finished_at is not null;
create index queries_holder_idx on corral.queries (holder) where state in ('pending', 'running');
create index queries_finished_idx on corral.queries (finished_at) where finished_at is not null;
create index queries_swarm_id_idx on corral.queries (swarm_id);
comment on column corral.queries.swarm_id is 'Whose it is; null where an admin asked.';
comment on column corral.queries.holder is 'Whose limits it counts against: a token or an admin.';
comment on column corral.queries.snapshots is
  'What the caller saw when he asked: [{schema_name, table_name, version, folder, size_bytes, hidden_columns, masked_columns, variant}].';

alter table corral.settings
  add column concurrent_queries int not null default 8 check (concurrent_queries > 0),
  add column query_seconds int not null default 60 check (query_seconds > 0),
  add column query_memory_mb int not null default 512 check (query_memory_mb > 0),
  add column result_rows bigint not null default 5000000 check (result_rows > 0),
  add column result_bytes bigint not null default 1073741824 check (result_bytes > 0),
  add column query_runners int not null default 2 check (query_runners > 0),
  add column queries_per_runner int not null default 32 check (queries_per_runner > 0),
  add column query_retention_days int not null default 1 check (query_retention_days > 0);
comment on column corral.settings.concurrent_queries is 'How many queries one token may have under way, unless it has a limit of its own; so with the next four.';
comment on column corral.settings.query_seconds is 'How long a query may run.';
comment on column corral.settings.query_memory_mb is 'How much memory a query may take.';
comment on column corral.settings.result_rows is 'How many rows a result may have.';
comment on column corral.settings.result_bytes is 'How large a result''s object may become.';
comment on column corral.settings.query_runners is 'How many containers run queries at most.';
comment on column corral.settings.queries_per_runner is 'How many queries may wait per container before there is another.';
comment on column corral.settings.query_retention_days is 'How long a query and its result are kept after its end.';

-- Taken, shared, by whoever submits a query, and alone by a runner that wants to leave: so none leaves while one waits.
create function corral.hold_query_queue(p_alone boolean) returns void
language plpgsql set search_path = ''
as $$
begin
  if p_alone then
    perform pg_advisory_xact_lock(hashtext('corral.queries'));
  else
    perform pg_advisory_xact_lock_shared(hashtext('corral.queries'));
  end if;
end
$$;

-- Starts a container for the queries that wait, unless there are enough; more of them, the longer the queue is. One that
-- failed and waits for its next attempt is none that queries can wait for.
create function corral.call_query_runners() returns void
language plpgsql set search_path = ''
as $$
declare
  v_settings corral.settings := (select s from corral.settings s);
  v_live int;
  v_able int;
  v_waiting int;
begin
  select count(*), count(*) filter (where state <> 'queued' or run_after <= corral.now())
    into v_live, v_able
    from corral.runs where kind = 'query' and state in ('queued', 'launching', 'running');
  if v_able > 0 then
    select count(*) into v_waiting from (
      select from corral.queries where state = 'pending' limit v_settings.query_runners * v_settings.queries_per_runner) w;
  end if;
  if v_live < v_settings.query_runners and (v_able = 0 or v_waiting > v_able * v_settings.queries_per_runner) then
    perform corral.enqueue_run('query', 'runner-' || n)
       from generate_series(1, v_live + 1) n
      where corral.find_live_run('query', 'runner-' || n) is null
      limit 1;
  end if;
end
$$;

-- The limits of a caller's query: what he asks for, as far as he may, else what he may.
create function corral.limits_of(p_call corral.audit, p_asked jsonb) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_object_agg(l.name, least(l.allowed, (p_asked ->> l.name)::bigint))
    from corral.settings s
    left join corral.tokens t on t.id = p_call.token_id
    cross join lateral (values
      ('seconds', coalesce((t.limits ->> 'query_seconds')::bigint, s.query_seconds)),
      ('memory_mb', coalesce((t.limits ->> 'query_memory_mb')::bigint, s.query_memory_mb)),
      ('rows', coalesce((t.limits ->> 'result_rows')::bigint, s.result_rows)),
      ('bytes', coalesce((t.limits ->> 'result_bytes')::bigint, s.result_bytes))) as l (name, allowed)
$$;

-- Queries as their callers see them.
create view corral.queries_shown with (security_invoker = true) as
select id as query_id, state as status, sql, output_format, created_at, started_at, finished_at, columns, preview, is_cut,
       row_count, result_object, result_bytes, receipt, error_code, error, stats, swarm_id
  from corral.queries;

-- Queues a query over what its caller may see this moment. p_query: {sql, parameters, output_format, limits{seconds,
-- memory_mb, rows, bytes}}.
create function public.submit_query(p_call bigint, p_query jsonb)
returns setof corral.queries_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_call corral.audit := corral.caller(p_call);
  v_query uuid;
  v_holder text := case
    when v_call.is_admin then 'admin ' || coalesce(v_call.user_id::text, 'without a token')
    else 'token ' || v_call.token_id
  end;
  v_allowed int := (
    select coalesce((t.limits ->> 'concurrent_queries')::int, s.concurrent_queries)
      from corral.settings s left join corral.tokens t on t.id = v_call.token_id);
  v_snapshots jsonb;
begin
  perform pg_advisory_xact_lock(hashtext('corral.queries of ' || v_holder));
  if (select count(*) from corral.queries q where q.holder = v_holder and q.state in ('pending', 'running')) >= v_allowed then
    raise exception using errcode = 'ZC131', message = format(
      '%s queries are under way, which is as many as may be at once. Wait for one, or cancel it.', v_allowed);
  end if;
  select coalesce(jsonb_agg(jsonb_build_object(
           'schema_name', t.schema_name, 'table_name', t.table_name, 'version', t.version, 'folder', t.folder,
           'size_bytes', t.size_bytes, 'hidden_columns', t.hidden_columns, 'masked_columns', t.masked_columns,
           'variant', t.variant) order by t.schema_name, t.table_name), '[]')
    into v_snapshots from corral.tables_in_sight(v_call) t;
  perform corral.hold_query_queue(false);
  insert into corral.queries as q (call_id, swarm_id, holder, sql, parameters, output_format, limits, snapshots)
  values (
    p_call, case when not v_call.is_admin then v_call.swarm_id end, v_holder, p_query ->> 'sql', p_query -> 'parameters',
    coalesce(p_query ->> 'output_format', 'json')::corral.output_format,
    corral.limits_of(v_call, coalesce(p_query -> 'limits', '{}')), v_snapshots)
  returning q.id into v_query;
  perform public.note_call(p_call, jsonb_build_object(
    'query_id', v_query, 'sql', p_query ->> 'sql', 'parameters', p_query -> 'parameters',
    'in_sight', (select coalesce(jsonb_agg(jsonb_build_object(
                 'table', (s ->> 'schema_name') || '.' || (s ->> 'table_name'), 'version', s ->> 'version')), '[]')
                 from jsonb_array_elements(v_snapshots) s)));
  perform corral.call_query_runners();
  perform pg_notify('corral_queries', '');
  -- As it is before anybody else can see it.
  return query select * from corral.queries_shown s where s.query_id = v_query;
end
$$;

-- A query of the caller's own swarm; an admin's are for admins, who see all.
create function corral.find_query(p_call bigint, p_query uuid) returns corral.queries
language plpgsql stable set search_path = ''
as $$
declare
  v_call corral.audit := corral.caller(p_call);
  v_query corral.queries := (
    select q from corral.queries q where q.id = p_query and (v_call.is_admin or q.swarm_id = v_call.swarm_id));
begin
  if v_query.id is null then
    raise exception using errcode = 'ZC132', message = 'Query not found';
  end if;
  return v_query;
end
$$;

-- How a query stands, and what came out; that is on record, with what it was computed from.
create function public.get_query(p_call bigint, p_query uuid) returns setof corral.queries_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_shown corral.queries_shown;
begin
  select s.* into v_shown from corral.queries_shown s where s.query_id = (corral.find_query(p_call, p_query)).id;
  if v_shown.status = 'completed' then
    perform public.note_call(p_call, jsonb_strip_nulls(jsonb_build_object(
      'query_id', p_query, 'tables', v_shown.receipt -> 'snapshots')));
  end if;
  return next v_shown;
end
$$;

-- Of the queries that these calls submitted, those that are over: one look for all who wait.
create function public.find_finished_queries(p_calls bigint[], p_queries uuid[]) returns setof corral.queries_shown
language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
    select s.* from corral.queries q join corral.queries_shown s on s.query_id = q.id
     where q.id = any (p_queries) and q.call_id = any (p_calls) and q.finished_at is not null;
end
$$;

-- Ends a query that is not over; its runner learns it within a second.
create function public.cancel_query(p_call bigint, p_query uuid) returns corral.work_state
language plpgsql security definer set search_path = ''
as $$
declare
  v_query corral.queries := corral.find_query(p_call, p_query);
begin
  update corral.queries
     set state = 'cancelled', finished_at = corral.now()
   where id = v_query.id and state in ('pending', 'running')
  returning * into v_query;
  if found then
    perform corral.record_query_end(v_query);
  else
    select * into v_query from corral.queries where id = p_query;
    if v_query.state <> 'cancelled' then
      raise exception using errcode = 'ZC133', message = format('The query is over: it has %s', v_query.state);
    end if;
  end if;
  perform public.note_call(p_call, jsonb_build_object('query_id', p_query));
  return 'cancelled';
end
$$;

revoke execute on function
  corral.hold_query_queue, corral.call_query_runners, corral.limits_of, corral.find_query, public.submit_query,
  public.get_query, public.find_finished_queries, public.cancel_query
  from public, anon, authenticated;
grant execute on function
  public.submit_query, public.get_query, public.find_finished_queries, public.cancel_query
  to service_role;
