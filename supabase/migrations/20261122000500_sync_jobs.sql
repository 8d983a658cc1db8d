-- What the containers ask that look at Snowflake. As for all runs, every call names its attempt, and one that is no
-- longer current changes nothing.

-- One segment of an object's name, whatever characters a table's name has.
create function corral.encode_segment(p_text text) returns text
language sql immutable set search_path = ''
as $$
  select string_agg(
           case when get_byte(b, i) between 48 and 57 or get_byte(b, i) between 65 and 90
                  or get_byte(b, i) between 97 and 122 or get_byte(b, i) in (45, 95)
             then chr(get_byte(b, i)) else '%' || upper(lpad(to_hex(get_byte(b, i)), 2, '0')) end, '' order by i)
    from (select convert_to(p_text, 'UTF8')) as t (b), generate_series(0, length(b) - 1) i
$$;

-- Which name a look at Snowflake is for: it is in capitals, and stands for all schemas that have it in any case.
create function public.get_catalog_task(p_run bigint, p_attempt int)
returns table (outcome corral.job_task_outcome, schema_name text)
language sql stable security definer set search_path = ''
as $$
  select case when r.id is null then 'stale' else 'ready' end::corral.job_task_outcome, r.subject
    from (select) one
    left join corral.runs r
      on r.id = p_run and r.attempt = p_attempt and r.state = 'running' and r.kind = 'snowflake-catalog'
$$;

-- Replaces what is known of the schemas of a name, [{schema_name, tables: [{table_name, row_count, size_bytes,
-- last_modified}]}], and ends the run.
create function public.publish_catalog(p_run bigint, p_attempt int, p_schemas jsonb) returns corral.publish_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_run corral.runs := corral.lock_attempt(p_run, p_attempt);
begin
  if v_run.state = 'succeeded' and v_run.kind = 'snowflake-catalog' then
    return 'published';
  elsif v_run.state is distinct from 'running' or v_run.kind <> 'snowflake-catalog' then
    return 'stale';
  end if;
  delete from corral.source_schemas c
   where c.looked_for = v_run.subject
      or c.schema_name in (select s.schema_name from jsonb_to_recordset(p_schemas) as s (schema_name text));
  insert into corral.source_schemas (schema_name, looked_for, listed_at)
  select s.schema_name, v_run.subject, corral.now() from jsonb_to_recordset(p_schemas) as s (schema_name text);
  insert into corral.source_tables (schema_name, table_name, row_count, size_bytes, last_modified)
  select s.schema_name, t.table_name, t.row_count, t.size_bytes, t.last_modified
    from jsonb_to_recordset(p_schemas) as s (schema_name text, tables jsonb),
         jsonb_to_recordset(s.tables) as t (
           table_name text, row_count bigint, size_bytes bigint, last_modified timestamptz);
  perform corral.succeed_run(p_run);
  return 'published';
end
$$;

-- What a sync needs to know: the table, where the attempt's snapshot goes, and the one to build upon.
create function public.get_sync_task(p_run bigint, p_attempt int)
returns table (
  outcome corral.job_task_outcome, sync_id bigint, schema_name text, table_name text, folder text, version text,
  spec jsonb, previous jsonb
)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_run corral.runs := corral.lock_attempt(p_run, p_attempt);
  v_sync corral.syncs;
  v_version text;
begin
  update corral.syncs
     set state = 'running', started_at = coalesce(started_at, corral.now())
   where id = v_run.sync_id and state in ('pending', 'running') and v_run.state = 'running'
  returning * into v_sync;
  if v_sync.id is null then
    outcome := 'stale';
    return next;
    return;
  end if;
  v_version := format('%s-%s', lpad(v_sync.id::text, 9, '0'), p_attempt);
  return query
    select 'ready'::corral.job_task_outcome, v_sync.id, t.schema_name, t.table_name,
           format('%s/%s/%s', corral.encode_segment(t.schema_name), corral.encode_segment(t.table_name), v_version),
           v_version, v_sync.spec,
           case when p.id is not null then jsonb_build_object(
             'version', p.version, 'folder', p.folder, 'columns', p.columns, 'watermark', p.watermark,
             'row_count', p.row_count, 'moment', p.moment, 'primary_key', ps.spec -> 'primary_key',
             'incremental_key', ps.spec ->> 'incremental_key', 'filter_condition', ps.spec ->> 'filter_condition') end
      from corral.tables t
      left join corral.snapshots p on p.id = t.snapshot_id
      left join corral.syncs ps on ps.id = p.sync_id
     where t.id = v_sync.table_id;
end
$$;

-- Makes a snapshot what readers get, and ends the sync and its run. p_snapshot: {columns, row_count, size_bytes, moment,
-- fixed_moment, watermark, stats, certificate}.
create function public.publish_snapshot(p_run bigint, p_attempt int, p_snapshot jsonb) returns corral.publish_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_run corral.runs;
  v_task record;
  v_snapshot bigint;
begin
  perform from corral.tables t
    where t.id = (select s.table_id from corral.syncs s join corral.runs r on r.sync_id = s.id where r.id = p_run)
      for no key update;
  v_run := corral.lock_attempt(p_run, p_attempt);
  if v_run.state = 'succeeded' and v_run.kind = 'snowflake-to-duckdb' then
    return 'published';
  end if;
  select * into v_task from public.get_sync_task(p_run, p_attempt);
  if v_task.outcome = 'stale' then
    return 'stale';
  end if;
  insert into corral.snapshots (
    table_id, sync_id, version, name, folder, columns, row_count, size_bytes, moment, fixed_moment, watermark,
    certificate)
  select s.table_id, s.id, v_task.version,
         case when s.strategy = 'snapshot' then coalesce(s.spec ->> 'name', v_task.version) end, v_task.folder,
         p.columns, p.row_count, p.size_bytes, p.moment, p.fixed_moment, p.watermark, p.certificate
    from corral.syncs s,
         jsonb_to_record(p_snapshot) as p (
           columns jsonb, row_count bigint, size_bytes bigint, moment timestamptz, fixed_moment boolean,
           watermark text, certificate jsonb)
   where s.id = v_task.sync_id
  returning id into v_snapshot;
  update corral.tables t set snapshot_id = v_snapshot from corral.syncs s where s.id = v_task.sync_id and t.id = s.table_id;
  update corral.syncs
     set state = 'completed', completed_at = corral.now(), version = v_task.version, stats = p_snapshot -> 'stats',
         error_code = null, error = null
   where id = v_task.sync_id;
  perform corral.succeed_run(p_run);
  return 'published';
end
$$;

revoke execute on function
  corral.encode_segment, public.get_catalog_task, public.publish_catalog, public.get_sync_task, public.publish_snapshot
  from public, anon, authenticated;
grant execute on function
  public.get_catalog_task, public.publish_catalog, public.get_sync_task, public.publish_snapshot
  to service_role;
