-- What the callers of the data API see: an admin every table that has a snapshot, an agent those granted to its swarm.

-- What a caller sees of a table: its snapshot, without the columns that its swarm's grant hides.
create type corral.table_sight as (
  table_id bigint,
  snapshot_id bigint,
  schema_name text,
  table_name text,
  description text,
  tags text[],
  columns jsonb,
  row_count bigint,
  size_bytes bigint,
  version text,
  synced_at timestamptz,
  moment timestamptz,
  fixed_moment boolean,
  folder text,
  hidden_columns text[],
  masked_columns text[],
  variant text
);

-- A name for what a grant leaves of a table; null where it leaves all.
create function corral.variant_of(p_hidden text[], p_masked text[]) returns text
language sql immutable set search_path = ''
as $$
  select case when cardinality(p_hidden) + cardinality(p_masked) > 0 then md5(jsonb_build_array(
    array(select distinct lower(h) from unnest(p_hidden) h order by 1),
    array(select distinct lower(m) from unnest(p_masked) m order by 1))::text) end
$$;

-- Of a snapshot's columns, those that a grant does not hide; a masked one is text, and of what it was nothing is told.
create function corral.visible_columns(p_columns jsonb, p_hidden text[], p_masked text[]) returns jsonb
language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'name', c.name, 'type', case when m.masked then 'VARCHAR' else c.type end,
           'source_type', case when not m.masked then c.source_type end, 'masked', m.masked) order by place), '[]')
    from jsonb_array_elements(p_columns) with ordinality e (o, place),
         lateral (select o ->> 'name', o ->> 'type', o ->> 'source_type') as c (name, type, source_type),
         lateral (select exists (select from unnest(p_masked) n where lower(n) = lower(c.name))) as m (masked)
   where not exists (select from unnest(p_hidden) n where lower(n) = lower(c.name))
$$;

-- These columns, and those beside them that hold the rest of their values: the offset of a moment, the exact text of
-- what DuckDB's type cannot hold. Their source type says so: "TIMESTAMP_TZ(9) of SEEN_AT".
create function corral.with_companions(p_names text[], p_columns jsonb) returns text[]
language sql immutable set search_path = ''
as $$
  select p_names || array(
    select b.o ->> 'name'
      from jsonb_array_elements(p_columns) c (o), jsonb_array_elements(p_columns) b (o)
     where lower(c.o ->> 'name') in (select lower(n) from unnest(p_names) n)
       and b.o ->> 'source_type' = (c.o ->> 'source_type') || ' of ' || (c.o ->> 'name'))
$$;

-- The tables with a snapshot that a caller may see. A grant that hides or masks a column which the snapshot does not have
-- shows nothing: the column may have got another name.
create function corral.tables_in_sight(p_call corral.audit) returns setof corral.table_sight
language sql stable set search_path = ''
as $$
  select t.id, s.id, t.schema_name, t.table_name, t.description, t.tags,
         corral.visible_columns(s.columns, g.hidden_columns, g.masked_columns), s.row_count, s.size_bytes, s.version,
         s.created_at, s.moment, s.fixed_moment, s.folder, g.hidden_columns, g.masked_columns,
         corral.variant_of(g.hidden_columns, g.masked_columns)
    from corral.tables t
    join corral.snapshots s on s.id = t.snapshot_id
    cross join lateral (
      select '{}'::text[], '{}'::text[] where p_call.is_admin
       union all
      select corral.with_companions(h.hidden_columns, s.columns), corral.with_companions(h.masked_columns, s.columns)
        from corral.grants h
       where h.table_id = t.id and h.swarm_id = p_call.swarm_id and not p_call.is_admin
         and corral.unknown_columns(h.hidden_columns || h.masked_columns, s.columns) = '{}'
    ) as g (hidden_columns, masked_columns)
   where t.is_active
$$;

-- The tables that a caller may see, with all that p_search is found in, and of a tag.
create function public.list_data_tables(p_call bigint, p_search text default null, p_tag text default null)
returns setof corral.table_sight
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_call corral.audit := corral.caller(p_call);
begin
  return query
    select * from corral.tables_in_sight(v_call) t
     where (p_search is null or position(lower(p_search) in lower(concat_ws(
             ' ', t.schema_name || '.' || t.table_name, t.description, array_to_string(t.tags, ' '),
             (select string_agg(c ->> 'name', ' ') from jsonb_array_elements(t.columns) c)))) > 0)
       and (p_tag is null or p_tag = any (t.tags))
     order by t.schema_name, t.table_name
     limit 10000;
end
$$;

-- Puts on record which table a call asked for and is not shown: as it was written, and which ones that may mean.
create function corral.note_refused_table(p_call bigint, p_schema text, p_table text) returns void
language sql set search_path = ''
as $$
  insert into corral.audit (call_id, event, details)
  select p_call, 'detail', jsonb_build_object(
    'asked', jsonb_strip_nulls(jsonb_build_object('schema_name', p_schema, 'table_name', p_table)),
    'tables', coalesce(
      jsonb_agg(jsonb_build_object('table', t.schema_name || '.' || t.table_name) order by t.id),
      jsonb_build_array(jsonb_build_object('table', concat_ws('.', p_schema, p_table)))))
    from corral.tables_named(p_schema, p_table) t
$$;

-- The one table of a name that a caller may see, in the given schema or in any, ignoring case where that is enough. A
-- refusal is answered by its SQLSTATE and its message, so that what was asked for stays on record.
create function public.get_data_table(p_call bigint, p_table text, p_schema text default null)
returns table (refusal text, message text, sight corral.table_sight)
language plpgsql security definer set search_path = ''
as $$
declare
  v_call corral.audit := corral.caller(p_call);
  v_table corral.tables;
begin
  begin
    -- A caller without a swarm who is no admin sees none.
    v_table := corral.find_table(
      p_schema, p_table, case when not v_call.is_admin then coalesce(v_call.swarm_id, 0) end);
    if v_table.snapshot_id is null then
      raise exception using errcode = 'ZC113', message = format(
        'Table %s.%s has no snapshot yet. Start a sync.', v_table.schema_name, v_table.table_name);
    end if;
    select t.* into sight from corral.tables_in_sight(v_call) t where t.table_id = v_table.id;
    -- Its grant hides what the snapshot does not have, or went a moment ago.
    if not found then
      raise exception using errcode = 'ZC111', message = format('Table %s not found', concat_ws('.', p_schema, p_table));
    end if;
  exception when sqlstate 'ZC111' or sqlstate 'ZC112' or sqlstate 'ZC113' then
    refusal := sqlstate;
    message := sqlerrm;
  end;
  if refusal is null then
    perform corral.note_table(p_call, v_table);
  else
    perform corral.note_refused_table(p_call, p_schema, p_table);
  end if;
  return next;
end
$$;

-- Registered tables as admins see them.
create view corral.tables_shown with (security_invoker = true) as
select t.id as table_id, t.schema_name, t.table_name, case when t.is_active then 'active' else 'inactive' end as status,
       t.description, t.tags, p.row_count, p.size_bytes, p.version, s.strategy, t.schedule, t.schedule_spec,
       s.id as last_sync_id, s.state as last_sync_status, coalesce(s.completed_at, s.started_at, s.created_at) as last_sync_at,
       s.error as last_error, p.created_at as synced_at, t.created_at
  from corral.tables t
  left join corral.snapshots p on p.id = t.snapshot_id
  left join lateral (select * from corral.syncs where table_id = t.id order by id desc limit 1) s on true;

-- All tables that are registered.
create function public.list_tables(p_call bigint) returns setof corral.tables_shown
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  return query select * from corral.tables_shown t where t.status = 'active' order by t.schema_name, t.table_name limit 10000;
end
$$;

-- How a registered table stands.
create function public.get_table_status(p_call bigint, p_schema text, p_table text) returns setof corral.tables_shown
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  return query select * from corral.tables_shown t where t.table_id = (corral.find_table(p_schema, p_table)).id;
end
$$;

-- The versions of a table that there are, newest first; a named one is kept until its table goes.
create function public.list_snapshots(p_call bigint, p_schema text, p_table text)
returns table (
  version text, name text, is_current boolean, row_count bigint, size_bytes bigint, moment timestamptz,
  fixed_moment boolean, watermark text, sync_id bigint, created_at timestamptz
)
language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_table corral.tables;
begin
  perform corral.admin(p_call);
  v_table := corral.find_table(p_schema, p_table);
  return query
    select s.version, s.name, s.id is not distinct from v_table.snapshot_id, s.row_count, s.size_bytes, s.moment,
           s.fixed_moment, s.watermark, s.sync_id, s.created_at
      from corral.snapshots s where s.table_id = v_table.id order by s.id desc limit 1000;
end
$$;

revoke execute on function
  corral.variant_of, corral.visible_columns, corral.with_companions, corral.tables_in_sight,
  corral.note_refused_table, public.list_data_tables, public.get_data_table,
  public.list_tables, public.get_table_status, public.list_snapshots
  from public, anon, authenticated;
grant execute on function
  public.list_data_tables, public.get_data_table, public.list_tables, public.get_table_status, public.list_snapshots
  to service_role;
