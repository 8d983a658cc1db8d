-- Tables: those of Snowflake that somebody registered, and what each swarm may see of them.

create table corral.tables (
  id bigint generated always as identity primary key,
  schema_name text not null check (length(schema_name) between 1 and 255),
  table_name text not null check (length(table_name) between 1 and 255),
  is_active boolean not null default true,
  removed_at timestamptz,
  description text check (length(description) <= 10000),
  tags text[] not null default '{}',
  snapshot_id bigint,
  schedule text,
  schedule_spec jsonb,
  created_at timestamptz not null default corral.now(),
  unique (schema_name, table_name)
);
alter table corral.tables enable row level security;
comment on column corral.tables.removed_at is 'When it was taken off the list; its snapshots are kept for a while longer.';
comment on column corral.tables.snapshot_id is 'The snapshot that readers get; null before the first sync.';
comment on column corral.tables.schedule is 'The cron expression by which the table is synced; null without one.';

-- Immutable versions of tables. Their objects lie in the folder; a row that is gone lets the cleanup delete them.
create table corral.snapshots (
  id bigint generated always as identity primary key,
  table_id bigint not null references corral.tables on delete cascade,
  sync_id bigint not null,
  version text not null,
  name text,
  folder text not null unique,
  columns jsonb not null,
  row_count bigint not null,
  size_bytes bigint not null,
  moment timestamptz not null,
  fixed_moment boolean not null,
  watermark text,
  certificate jsonb,
  created_at timestamptz not null default corral.now()
);
alter table corral.snapshots enable row level security;
create index snapshots_table_id_idx on corral.snapshots (table_id, id desc);
alter table corral.tables add foreign key (snapshot_id) references corral.snapshots on delete set null;
create index tables_snapshot_id_idx on corral.tables (snapshot_id);
comment on column corral.snapshots.name is 'Given by a sync of strategy snapshot: such a version is kept until its table goes.';
comment on column corral.snapshots.columns is '[{name, type, source_type, nullable}] in order; type is DuckDB''s.';
comment on column corral.snapshots.fixed_moment is 'Whether all was read as of the moment; false where Snowflake cannot look back.';
comment on column corral.snapshots.watermark is 'The highest value of the incremental key, as Snowflake writes it.';

create table corral.grants (
  table_id bigint not null references corral.tables on delete cascade,
  swarm_id bigint not null references corral.swarms on delete cascade,
  hidden_columns text[] not null default '{}',
  masked_columns text[] not null default '{}',
  created_at timestamptz not null default corral.now(),
  primary key (table_id, swarm_id)
);
alter table corral.grants enable row level security;
create index grants_swarm_id_idx on corral.grants (swarm_id);

-- What a name in quotes stands for; any other is as it is.
create function corral.bare_name(p_name text) returns text
language sql immutable set search_path = ''
as $$
  select case
    when p_name ~ '^".+"$' then replace(substr(p_name, 2, length(p_name) - 2), '""', '"')
    else p_name
  end
$$;

-- How well a name fits what somebody wrote, the lower the better: it is the same, stands there in quotes, is that in
-- capitals, or is that in another case. Null where it does not fit; what is in quotes fits as it stands only.
create function corral.name_fit(p_written text, p_name text) returns int
language sql immutable set search_path = ''
as $$
  select case
    when p_name = p_written then 0
    when p_name = corral.bare_name(p_written) then 1
    when p_name = upper(p_written) then 2
    when lower(p_name) = lower(p_written) then 3
  end
$$;

-- The registered tables that a name fits, in the given schema or in any.
create function corral.tables_named(p_schema text, p_table text) returns setof corral.tables
language plpgsql stable set search_path = ''
as $$
declare
  v_schema text := corral.bare_name(p_schema);
  v_table text := corral.bare_name(p_table);
begin
  return query
    select t.* from corral.tables t
     where t.is_active
       and (lower(t.table_name) = lower(p_table) or t.table_name = v_table)
       and (p_schema is null or lower(t.schema_name) = lower(p_schema) or t.schema_name = v_schema);
end
$$;

-- The one registered table of a name, in the given schema or in any: exactly so, or else ignoring case; of those granted
-- to a swarm, where one is given. Of several, or of none, it tells.
create function corral.find_table(p_schema text, p_table text, p_swarm bigint default null) returns corral.tables
language plpgsql stable set search_path = ''
as $$
declare
  v_found corral.tables[] := array(
    select t from corral.tables_named(p_schema, p_table) t,
           lateral (
             select corral.name_fit(p_schema, t.schema_name), corral.name_fit(p_table, t.table_name)
           ) as f (of_schema, of_table)
     where p_swarm is null or exists (select from corral.grants g where g.table_id = t.id and g.swarm_id = p_swarm)
     order by f.of_schema < 2 and f.of_table < 2 desc, f.of_schema + f.of_table, t.id);
  v_best corral.tables := v_found[1];
  v_is_exact boolean :=
    corral.name_fit(p_schema, v_best.schema_name) < 2 and corral.name_fit(p_table, v_best.table_name) < 2;
begin
  if v_best.id is null then
    raise exception using errcode = 'ZC111', message = format('Table %s not found', concat_ws('.', p_schema, p_table));
  elsif cardinality(v_found) > 1 and v_is_exact is not true then
    raise exception using errcode = 'ZC112', message = format(
      'Several tables have the name %s: %s. Write it as they are.', p_table,
      (select string_agg(format('%s.%s', f.schema_name, f.table_name), ', ') from unnest(v_found) f));
  end if;
  return v_best;
end
$$;

-- The same, locked against all else that is done to a table; one that was taken off the list meanwhile is not found.
create function corral.lock_table(p_schema text, p_table text) returns corral.tables
language plpgsql set search_path = ''
as $$
declare
  v_table corral.tables := corral.find_table(p_schema, p_table);
begin
  perform from corral.tables where id = v_table.id for no key update;
  return corral.find_table(p_schema, p_table);
end
$$;

-- A JSON list of texts; null for anything else.
create function corral.text_list(p_list jsonb) returns text[]
language sql immutable set search_path = ''
as $$
  select case when jsonb_typeof(p_list) = 'array' then array(select jsonb_array_elements_text(p_list)) end
$$;

-- Of these names, those that no column has, ignoring case.
create function corral.unknown_columns(p_names text[], p_columns jsonb) returns text[]
language sql immutable set search_path = ''
as $$
  select array(
    select w.name from unnest(p_names) w (name)
     where not exists (select from jsonb_array_elements(p_columns) c where lower(c ->> 'name') = lower(w.name)))
$$;

-- Grants a table to a swarm, in the place of what it was granted before; a list that is null stays as it was. Columns are
-- known by their names, ignoring case.
create function corral.put_grant(p_table bigint, p_swarm text, p_hidden text[], p_masked text[]) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_swarm bigint := corral.ensure_swarm(p_swarm);
  v_columns jsonb := (select s.columns from corral.tables t join corral.snapshots s on s.id = t.snapshot_id where t.id = p_table);
  v_unknown text[] := corral.unknown_columns(p_hidden || p_masked, v_columns);
begin
  if v_columns is not null and cardinality(v_unknown) > 0 then
    raise exception using errcode = 'ZC115', message = format('The table has no column %s', array_to_string(v_unknown, ', '));
  elsif jsonb_array_length(v_columns) > 0
    and corral.visible_columns(v_columns, corral.with_companions(p_hidden, v_columns), '{}') = '[]' then
    raise exception using errcode = 'ZC115', message =
      'The grant would hide all columns of the table. Leave one of them, or do not grant the table.';
  end if;
  insert into corral.grants as g (table_id, swarm_id, hidden_columns, masked_columns)
  values (p_table, v_swarm, coalesce(p_hidden, '{}'), coalesce(p_masked, '{}'))
  on conflict (table_id, swarm_id) do update
    set hidden_columns = coalesce(p_hidden, g.hidden_columns), masked_columns = coalesce(p_masked, g.masked_columns);
  return v_swarm;
end
$$;

-- Sets what people read about a table: {description, tags}.
create function public.update_table(p_call bigint, p_schema text, p_table text, p_changes jsonb) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  v_table corral.tables;
begin
  perform corral.admin(p_call);
  v_table := corral.find_table(p_schema, p_table);
  update corral.tables
     set description = case when p_changes ? 'description' then p_changes ->> 'description' else description end,
         tags = case when p_changes ? 'tags'
           then array(select jsonb_array_elements_text(coalesce(nullif(p_changes -> 'tags', 'null'), '[]')))
           else tags
         end
   where id = v_table.id;
  perform corral.note_table(p_call, v_table, p_changes);
  return v_table.id;
end
$$;

-- Puts on record which table a call is about, and which version of it.
create function corral.note_table(p_call bigint, p_table corral.tables, p_more jsonb default '{}') returns void
language plpgsql set search_path = ''
as $$
begin
  insert into corral.audit (call_id, event, details)
  values (p_call, 'detail', p_more || jsonb_build_object('tables', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'table', p_table.schema_name || '.' || p_table.table_name,
    'version', (select s.version from corral.snapshots s where s.id = p_table.snapshot_id))))));
end
$$;

-- Grants as admins see them.
create view corral.grants_shown with (security_invoker = true) as
select g.table_id, t.schema_name, t.table_name, s.name as swarm, g.hidden_columns, g.masked_columns,
       coalesce(corral.unknown_columns(g.hidden_columns || g.masked_columns, p.columns), '{}') as unknown_columns,
       g.created_at
  from corral.grants g
  join corral.tables t on t.id = g.table_id
  left join corral.snapshots p on p.id = t.snapshot_id
  join corral.swarms s on s.id = g.swarm_id;

-- Lets a swarm see a table, but for the hidden columns; of the masked ones it sees only whether there is a value.
create function public.grant_table(
  p_call bigint, p_schema text, p_table text, p_swarm text, p_hidden text[] default '{}', p_masked text[] default '{}'
)
returns setof corral.grants_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_table corral.tables;
begin
  perform corral.admin(p_call);
  v_table := corral.find_table(p_schema, p_table);
  perform corral.put_grant(v_table.id, p_swarm, coalesce(p_hidden, '{}'), coalesce(p_masked, '{}'));
  perform corral.note_table(
    p_call, v_table, jsonb_build_object('swarm', p_swarm, 'hidden_columns', p_hidden, 'masked_columns', p_masked));
  return query select * from corral.grants_shown where table_id = v_table.id and swarm = p_swarm;
end
$$;

-- Takes a table from a swarm.
create function public.revoke_grant(p_call bigint, p_schema text, p_table text, p_swarm text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
  v_table corral.tables;
begin
  perform corral.admin(p_call);
  v_table := corral.find_table(p_schema, p_table);
  delete from corral.grants g using corral.swarms s
   where g.table_id = v_table.id and g.swarm_id = s.id and s.name = p_swarm;
  if not found then
    raise exception using errcode = 'ZC116', message = format(
      'Table %s.%s is not granted to the swarm %s', v_table.schema_name, v_table.table_name, p_swarm);
  end if;
  perform corral.note_table(p_call, v_table, jsonb_build_object('swarm', p_swarm));
end
$$;

-- Who may see a table.
create function public.list_grants(p_call bigint, p_schema text, p_table text) returns setof corral.grants_shown
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  return query
    select g.* from corral.grants_shown g where g.table_id = (corral.find_table(p_schema, p_table)).id order by g.swarm;
end
$$;

revoke execute on function
  corral.bare_name, corral.name_fit, corral.tables_named, corral.find_table, corral.lock_table, corral.text_list,
  corral.unknown_columns, corral.put_grant, corral.note_table, public.update_table, public.grant_table,
  public.revoke_grant, public.list_grants
  from public, anon, authenticated;
grant execute on function public.update_table, public.grant_table, public.revoke_grant, public.list_grants to service_role;
