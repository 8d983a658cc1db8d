-- Syncs: a table of Snowflake becomes a snapshot. One at a time per table, each the subject of a run.

create type corral.work_state as enum ('pending', 'running', 'completed', 'failed', 'cancelled');
create type corral.sync_strategy as enum ('full', 'incremental', 'snapshot');

create table corral.syncs (
  id bigint generated always as identity primary key,
  table_id bigint not null references corral.tables on delete cascade,
  strategy corral.sync_strategy not null,
  spec jsonb not null,
  state corral.work_state not null default 'pending',
  run_id bigint,
  version text,
  stats jsonb,
  error_code text,
  error text,
  created_at timestamptz not null default corral.now(),
  started_at timestamptz,
  completed_at timestamptz,
  check ((completed_at is not null) = (state in ('completed', 'failed', 'cancelled')))
);
alter table corral.syncs enable row level security;
create unique index syncs_one_live_idx on corral.syncs (table_id) where state in ('pending', 'running');
create index syncs_table_id_idx on corral.syncs (table_id, id desc);
comment on column corral.syncs.spec is
  '{strategy, incremental_key, primary_key, filter_condition, detect_deletes, append, name, overlap_seconds, batch_size, max_retries, timeout_seconds, checksum, path}';
comment on column corral.syncs.version is 'The version that it published.';

-- Syncs as admins see them.
create view corral.syncs_shown with (security_invoker = true) as
select s.id as sync_id, t.table_name, t.schema_name, s.strategy, s.state as status, s.started_at, s.completed_at,
       s.error, s.error_code, s.stats, r.progress || jsonb_build_object('phase', r.phase) as progress, s.run_id,
       s.created_at, s.version
  from corral.syncs s
  join corral.tables t on t.id = s.table_id
  left join corral.runs r on r.id = s.run_id;

-- Whether there is anything wrong with what a sync is to do; null when there is not.
create function corral.fault_of_sync(p_spec jsonb) returns text
language sql immutable set search_path = ''
as $$
  select case
    when p_spec ->> 'strategy' = 'incremental' and p_spec ->> 'incremental_key' is null then
      'An incremental sync needs an incremental_key'
    when (p_spec ->> 'detect_deletes')::boolean
     and coalesce(jsonb_array_length(nullif(p_spec -> 'primary_key', 'null')), 0) = 0 then
      'To detect deletes, a primary_key is needed'
    when p_spec ->> 'name' is not null and p_spec ->> 'strategy' is distinct from 'snapshot' then
      'Only a sync of strategy snapshot has a name'
  end
$$;

-- Makes a sync of a table, whose row the caller holds locked, and its run; answers the sync's id.
create function corral.add_sync(p_table corral.tables, p_spec jsonb) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_sync bigint;
  v_run bigint;
begin
  insert into corral.syncs (table_id, strategy, spec)
  values (p_table.id, coalesce(p_spec ->> 'strategy', 'full')::corral.sync_strategy, p_spec) returning id into v_sync;
  v_run := corral.enqueue_run('snowflake-to-duckdb', v_sync::text);
  update corral.syncs set run_id = v_run where id = v_sync;
  update corral.runs
     set max_attempts = coalesce((p_spec ->> 'max_retries')::int + 1, max_attempts)
   where id = v_run;
  return v_sync;
end
$$;

-- The sync of a table that is not over; null when there is none.
create function corral.live_sync(p_table bigint) returns bigint
language sql stable set search_path = ''
as $$ select id from corral.syncs where table_id = p_table and state in ('pending', 'running') $$;

-- Starts a sync of a table, unless one is live. A table that Snowflake has and nobody registered is registered first; for
-- that the caller waits as for browse_source. One that was taken off the list stays so until it is registered again.
create function public.start_sync(p_call bigint, p_schema text, p_table text, p_spec jsonb, p_run bigint default null)
returns table (
  state corral.source_state, run_id bigint, error_code text, error_message text, sync corral.syncs_shown
)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_call corral.audit := corral.admin(p_call);
  v_fault text := corral.fault_of_sync(p_spec);
  v_table corral.tables;
  v_schema text := p_schema;
  v_name text := p_table;
  v_is_new boolean;
  v_sync bigint;
begin
  if v_fault is not null then
    raise exception using errcode = 'ZC124', message = v_fault;
  end if;
  v_is_new := not exists (select from corral.tables_named(p_schema, p_table));
  state := 'fresh';
  if v_is_new then
    select l.* into state, run_id, error_code, error_message, v_schema, v_name
      from corral.look_at_source(v_call.at, p_schema, p_table, p_run) l;
    if state = 'fresh' and v_name is null or error_code = 'table_not_in_source' then
      raise exception using errcode = 'ZC111', message = format('Table %s.%s not found', p_schema, p_table);
    elsif state <> 'fresh' then
      return next;
      return;
    end if;
    insert into corral.tables (schema_name, table_name) values (v_schema, v_name)
    on conflict (schema_name, table_name) do nothing;
    if exists (select from corral.tables where schema_name = v_schema and table_name = v_name and not is_active) then
      raise exception using errcode = 'ZC111', message = format(
        'Table %s.%s was taken off the list. Register it again to sync it.', v_schema, v_name);
    end if;
  end if;
  v_table := corral.lock_table(v_schema, v_name);
  v_sync := corral.live_sync(v_table.id);
  if v_sync is not null then
    raise exception using errcode = 'ZC122', message = format(
      'Cannot start sync "%s.%s": one is running (sync %s). Cancel it first.', v_table.schema_name, v_table.table_name,
      v_sync);
  end if;
  v_sync := corral.add_sync(v_table, p_spec);
  perform corral.note_table(
    p_call, v_table, jsonb_build_object('sync_id', v_sync, 'spec', p_spec)
      || case when v_is_new then '{"registered": true}' else '{}' end::jsonb);
  select s.* into sync from corral.syncs_shown s where s.sync_id = v_sync;
  return next;
end
$$;

-- A sync, and how far it is.
create function public.get_sync(p_call bigint, p_sync bigint) returns setof corral.syncs_shown
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  return query select * from corral.syncs_shown where sync_id = p_sync;
  if not found then
    raise exception using errcode = 'ZC121', message = 'Sync not found';
  end if;
end
$$;

-- The newest syncs, newest first.
create function public.list_syncs(p_call bigint, p_limit int default 100) returns setof corral.syncs_shown
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  return query select * from corral.syncs_shown order by sync_id desc limit least(p_limit, 1000);
end
$$;

-- Ends a sync that is not over, and its run; what its container does from then on changes nothing.
create function corral.stop_sync(p_sync bigint) returns void
language plpgsql set search_path = ''
as $$
declare
  v_run bigint;
begin
  update corral.syncs
     set state = 'cancelled', completed_at = corral.now()
   where id = p_sync and state in ('pending', 'running')
  returning run_id into v_run;
  update corral.runs
     set state = 'cancelled', lease_expires_at = null, finished_at = corral.now()
   where id = v_run and state in ('queued', 'launching', 'running');
end
$$;

-- Cancels a sync: the last snapshot goes on serving.
create function public.cancel_sync(p_call bigint, p_sync bigint) returns setof corral.syncs_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_state corral.work_state;
begin
  perform corral.admin(p_call);
  perform corral.stop_sync(p_sync);
  select state into v_state from corral.syncs where id = p_sync;
  if not found then
    raise exception using errcode = 'ZC121', message = 'Sync not found';
  elsif v_state <> 'cancelled' then
    raise exception using errcode = 'ZC123', message = format('The sync is over: it has %s', v_state);
  end if;
  perform public.note_call(p_call, jsonb_build_object('sync_id', p_sync));
  return query select * from corral.syncs_shown where sync_id = p_sync;
end
$$;

-- Ends a sync whose run was given up. The caller holds the locks of sync and run.
create function corral.give_up_sync(p_sync bigint, p_code text, p_message text) returns void
language sql set search_path = ''
as $$
  update corral.syncs
     set state = 'failed', completed_at = corral.now(), error_code = p_code, error = p_message
   where id = p_sync and state in ('pending', 'running')
$$;

-- Takes a table off the list: a live sync is cancelled, its schedule and its grants go, and nobody sees it any more.
create function public.unregister_table(p_call bigint, p_schema text, p_table text)
returns table (table_id bigint, table_name text, schema_name text, status text)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_table corral.tables;
begin
  perform corral.admin(p_call);
  v_table := corral.lock_table(p_schema, p_table);
  update corral.tables
     set is_active = false, removed_at = corral.now(), schedule = null, schedule_spec = null
   where id = v_table.id;
  delete from corral.grants where table_id = v_table.id;
  perform corral.unschedule_table(v_table.id);
  perform corral.stop_sync(corral.live_sync(v_table.id));
  perform corral.note_table(p_call, v_table);
  return query select v_table.id, v_table.table_name, v_table.schema_name, 'inactive';
end
$$;

-- Starts the sync that a table's schedule asks for; one that is still running makes it wait for the next time.
create function corral.start_scheduled_sync(p_table bigint) returns void
language plpgsql set search_path = ''
as $$
declare
  v_table corral.tables;
begin
  select * into v_table from corral.tables where id = p_table and is_active and schedule is not null for no key update;
  if found and corral.live_sync(p_table) is null then
    perform corral.add_sync(v_table, coalesce(v_table.schedule_spec, '{"strategy": "full"}'));
  end if;
end
$$;

-- Ends a table's schedule, if it has one.
create function corral.unschedule_table(p_table bigint) returns void
language sql set search_path = ''
as $$ select cron.unschedule(jobid) from cron.job where jobname = 'corral-sync-' || p_table $$;

-- Syncs a table by a cron expression, in the place of the one it had; null ends that.
create function public.set_schedule(p_call bigint, p_schema text, p_table text, p_cron text default null, p_spec jsonb default null)
returns table (schedule text, spec jsonb)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_table corral.tables;
  v_fault text := corral.fault_of_sync(p_spec);
begin
  perform corral.admin(p_call);
  if v_fault is not null then
    raise exception using errcode = 'ZC124', message = v_fault;
  end if;
  v_table := corral.lock_table(p_schema, p_table);
  perform corral.unschedule_table(v_table.id);
  if p_cron is not null then
    begin
      perform cron.schedule(
        'corral-sync-' || v_table.id, p_cron, format('select corral.start_scheduled_sync(%s)', v_table.id));
    exception when invalid_parameter_value then
      raise exception using errcode = 'ZC125', message = format('"%s" is no cron expression: %s', p_cron, sqlerrm);
    end;
  end if;
  update corral.tables set schedule = p_cron, schedule_spec = p_spec where id = v_table.id;
  perform corral.note_table(p_call, v_table, jsonb_build_object('schedule', p_cron, 'spec', p_spec));
  return query select p_cron, p_spec;
end
$$;

revoke execute on function
  corral.fault_of_sync, corral.add_sync, corral.live_sync, corral.stop_sync, corral.give_up_sync,
  corral.start_scheduled_sync, corral.unschedule_table, public.start_sync, public.get_sync, public.list_syncs,
  public.cancel_sync, public.unregister_table, public.set_schedule
  from public, anon, authenticated;
grant execute on function
  public.start_sync, public.get_sync, public.list_syncs, public.cancel_sync, public.unregister_table,
  public.set_schedule
  to service_role;
