-- What Snowflake was last seen to have, schema by schema: containers look, and tables that they saw may be registered.

create table corral.source_schemas (
  schema_name text primary key,
  looked_for text not null,
  listed_at timestamptz not null
);
alter table corral.source_schemas enable row level security;
comment on column corral.source_schemas.looked_for is
  'The name, in capitals, that the look was for: it sees all schemas that have it in any case.';
create table corral.source_tables (
  schema_name text not null references corral.source_schemas on delete cascade,
  table_name text not null,
  row_count bigint,
  size_bytes bigint,
  last_modified timestamptz,
  primary key (schema_name, table_name)
);
alter table corral.source_tables enable row level security;

alter table corral.settings
  add column catalog_seconds int not null default 60 check (catalog_seconds >= 0);
comment on column corral.settings.catalog_seconds is 'How long a list of Snowflake''s tables counts as fresh.';

-- What is known of Snowflake, as the answers of browse_source, register_table and start_sync stand on.
create type corral.source_state as enum ('fresh', 'waiting', 'failed');

-- Which schema of Snowflake's, and which table of it where one is asked for, a name means: exactly so, in capitals, or
-- ignoring case; null where there is none. Fresh is what was listed a short while before the call at p_at and shows it,
-- or after; if nothing is, the run that makes it so, started unless one is live, or how the run that the caller waited
-- for has failed.
create function corral.look_at_source(p_at timestamptz, p_schema text, p_table text, p_run bigint)
returns table (
  state corral.source_state, run_id bigint, error_code text, error_message text, schema_name text, table_name text
)
language plpgsql set search_path = ''
as $$
#variable_conflict use_column
declare
  v_looked_for text := upper(corral.bare_name(p_schema));
  v_listed_at timestamptz := (select max(s.listed_at) from corral.source_schemas s where s.looked_for = v_looked_for);
  v_freshness interval := make_interval(secs => (select catalog_seconds from corral.settings));
  v_failed corral.runs := (select r from corral.runs r where r.id = p_run and r.state in ('failed', 'cancelled'));
  v_schema text := (
    select s.schema_name from corral.source_schemas s
     where s.looked_for = v_looked_for and corral.name_fit(p_schema, s.schema_name) is not null
     order by corral.name_fit(p_schema, s.schema_name), s.schema_name limit 1);
  v_table text := (
    select t.table_name from corral.source_tables t
     where t.schema_name = v_schema and lower(t.table_name) in (lower(p_table), lower(corral.bare_name(p_table)))
       and corral.name_fit(p_table, t.table_name) is not null
     order by corral.name_fit(p_table, t.table_name), t.table_name limit 1);
  v_is_shown boolean := v_schema is not null and (p_table is null or v_table is not null);
begin
  state := case
    -- What was listed after the call came in is fresh however long the container took.
    when v_listed_at >= case when v_is_shown then p_at - v_freshness else p_at end then 'fresh'
    when v_failed.id is not null then 'failed'
    else 'waiting'
  end;
  if state = 'fresh' then
    schema_name := v_schema;
    table_name := v_table;
  elsif state = 'failed' then
    run_id := v_failed.id;
    error_code := v_failed.error_code;
    error_message := v_failed.error_message;
  else
    -- One that is just ending is found here; enqueueing would wait for its end, and start another.
    run_id := coalesce(
      corral.find_live_run('snowflake-catalog', v_looked_for), corral.enqueue_run('snowflake-catalog', v_looked_for),
      corral.find_live_run('snowflake-catalog', v_looked_for));
  end if;
  return next;
end
$$;

-- Refuses a name that Snowflake has no schema of, or no table.
create function corral.require_source(p_schema text, p_table text, p_found_schema text, p_found_table text) returns void
language plpgsql set search_path = ''
as $$
begin
  if p_found_schema is null then
    raise exception using errcode = 'ZC114', message = format('Snowflake has no schema %s', p_schema);
  elsif p_table is not null and p_found_table is null then
    raise exception using errcode = 'ZC114', message = format(
      'Table %s.%s not found in Snowflake', p_found_schema, p_table);
  end if;
end
$$;

-- The tables that Snowflake has in a schema, seen within the last minute. While a container looks, the caller asks
-- again and names the run that it waits for.
create function public.browse_source(p_call bigint, p_schema text, p_run bigint default null)
returns table (
  state corral.source_state, run_id bigint, error_code text, error_message text, tables jsonb
)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_schema text;
begin
  select l.state, l.run_id, l.error_code, l.error_message, l.schema_name
    into state, run_id, error_code, error_message, v_schema
    from corral.look_at_source((corral.admin(p_call)).at, p_schema, null, p_run) l;
  if state = 'fresh' then
    perform corral.require_source(p_schema, null, v_schema, null);
    tables := coalesce((
      select jsonb_agg(jsonb_build_object(
               'table_name', t.table_name, 'row_count', t.row_count, 'size_bytes', t.size_bytes,
               'last_modified', t.last_modified) order by t.table_name)
        from corral.source_tables t where t.schema_name = v_schema), '[]');
  end if;
  return next;
end
$$;

-- Registers a table that Snowflake has, anew or again. p_options: {grant, swarm, hidden_columns, masked_columns,
-- description, tags}; with grant true the swarm ("default" unless named) may see it. The caller waits as for
-- browse_source.
create function public.register_table(
  p_call bigint, p_schema text, p_table text, p_options jsonb default '{}', p_run bigint default null
)
returns table (
  state corral.source_state, run_id bigint, error_code text, error_message text,
  table_id bigint, table_name text, schema_name text, status text
)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  select l.* into state, run_id, error_code, error_message, schema_name, table_name
    from corral.look_at_source((corral.admin(p_call)).at, p_schema, p_table, p_run) l;
  if state <> 'fresh' then
    return next;
    return;
  end if;
  perform corral.require_source(p_schema, p_table, schema_name, table_name);
  insert into corral.tables as t (schema_name, table_name, description, tags)
  values (
    schema_name, table_name, p_options ->> 'description',
    array(select jsonb_array_elements_text(coalesce(nullif(p_options -> 'tags', 'null'), '[]'))))
  on conflict (schema_name, table_name) do update
    set is_active = true, removed_at = null,
        description = coalesce(excluded.description, t.description),
        tags = case when p_options ? 'tags' then excluded.tags else t.tags end
  returning t.id, t.table_name, t.schema_name, 'active' into table_id, table_name, schema_name, status;
  if (p_options ->> 'grant')::boolean then
    perform corral.put_grant(
      table_id, coalesce(p_options ->> 'swarm', 'default'),
      corral.text_list(p_options -> 'hidden_columns'), corral.text_list(p_options -> 'masked_columns'));
  end if;
  perform public.note_call(p_call, jsonb_build_object(
    'tables', jsonb_build_array(jsonb_build_object('table', schema_name || '.' || table_name)), 'options', p_options));
  return next;
end
$$;

revoke execute on function
  corral.look_at_source, corral.require_source, public.browse_source, public.register_table
  from public, anon, authenticated;
grant execute on function public.browse_source, public.register_table to service_role;
