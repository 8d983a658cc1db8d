-- Artifacts: files that the agents of a swarm share. Each access keeps them for another while.

create type corral.artifact_type as enum ('data', 'model', 'report', 'other');
create type corral.artifact_format as enum ('json', 'csv', 'parquet', 'pickle', 'text', 'binary');
create type corral.artifact_state as enum ('pending', 'ready');

create table corral.artifacts (
  id uuid primary key default gen_random_uuid(),
  swarm_id bigint not null references corral.swarms on delete cascade,
  agent text,
  name text not null check (length(name) between 1 and 255),
  type corral.artifact_type not null,
  format corral.artifact_format not null,
  state corral.artifact_state not null default 'pending',
  object text not null unique,
  size_bytes bigint,
  crc32c text,
  metadata jsonb not null default '{}',
  tags text[] not null default '{}',
  kept_days int not null check (kept_days between 1 and 365),
  created_at timestamptz not null default corral.now(),
  expires_at timestamptz not null
);
alter table corral.artifacts enable row level security;
create index artifacts_swarm_id_idx on corral.artifacts (swarm_id, created_at desc, id);
create index artifacts_expires_at_idx on corral.artifacts (expires_at);
comment on column corral.artifacts.state is 'Pending until its content is in the bucket.';
comment on column corral.artifacts.kept_days is 'How long it is kept after it was last accessed.';

alter table corral.settings
  add column artifact_days int not null default 10 check (artifact_days between 1 and 365);
comment on column corral.settings.artifact_days is 'How long an artifact is kept after its last access unless its maker says otherwise.';

-- Artifacts as their swarm sees them.
create view corral.artifacts_shown with (security_invoker = true) as
select a.id as artifact_id, a.name, a.type, a.format, a.size_bytes, a.created_at, a.expires_at, a.metadata, a.tags,
       s.name as swarm, a.agent, a.state, a.object, a.crc32c
  from corral.artifacts a join corral.swarms s on s.id = a.swarm_id;

-- Locks an artifact of the caller's own swarm that has not expired; admins have all. p_more is what the record says of the
-- call besides.
create function corral.lock_artifact(p_call bigint, p_artifact uuid, p_more jsonb default '{}') returns corral.artifacts
language plpgsql set search_path = ''
as $$
declare
  v_call corral.audit := corral.caller(p_call);
  v_artifact corral.artifacts;
begin
  select * into v_artifact from corral.artifacts
   where id = p_artifact and expires_at > corral.now() and (v_call.is_admin or swarm_id = v_call.swarm_id)
     for no key update;
  if not found then
    raise exception using errcode = 'ZC141', message = 'Artifact not found';
  end if;
  perform public.note_call(
    p_call, jsonb_build_object('artifact_id', v_artifact.id, 'artifact', v_artifact.name) || p_more);
  return v_artifact;
end
$$;

-- Announces an artifact, whose content is to go to its object. p_artifact: {name, type, format, size_bytes, metadata,
-- tags, expiry_days}; an admin's belongs to the swarm "default".
create function public.create_artifact(p_call bigint, p_artifact jsonb) returns setof corral.artifacts_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_call corral.audit := corral.caller(p_call);
  v_swarm bigint := case when v_call.is_admin then corral.ensure_swarm('default') else v_call.swarm_id end;
  v_id uuid := gen_random_uuid();
  v_days int := coalesce((p_artifact ->> 'expiry_days')::int, (select artifact_days from corral.settings));
begin
  insert into corral.artifacts (
    id, swarm_id, agent, name, type, format, object, size_bytes, metadata, tags, kept_days, expires_at)
  values (
    v_id, v_swarm, v_call.agent, p_artifact ->> 'name', coalesce(p_artifact ->> 'type', 'other')::corral.artifact_type,
    coalesce(p_artifact ->> 'format', 'binary')::corral.artifact_format, format('artifacts/%s/%s', v_swarm, v_id),
    (p_artifact ->> 'size_bytes')::bigint, coalesce(nullif(p_artifact -> 'metadata', 'null'), '{}'),
    array(select jsonb_array_elements_text(coalesce(nullif(p_artifact -> 'tags', 'null'), '[]'))), v_days,
    corral.now() + make_interval(days => v_days));
  perform public.note_call(p_call, jsonb_build_object('artifact_id', v_id, 'artifact', p_artifact ->> 'name'));
  return query select * from corral.artifacts_shown where artifact_id = v_id;
end
$$;

-- Says that an artifact's content is in the bucket, and what it is.
create function public.complete_artifact(p_call bigint, p_artifact uuid, p_size bigint, p_crc32c text)
returns setof corral.artifacts_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_artifact corral.artifacts := corral.lock_artifact(p_call, p_artifact);
begin
  update corral.artifacts set state = 'ready', size_bytes = p_size, crc32c = p_crc32c where id = v_artifact.id;
  return query select * from corral.artifacts_shown where artifact_id = v_artifact.id;
end
$$;

-- An artifact, which so is kept for another while.
create function public.get_artifact(p_call bigint, p_artifact uuid) returns setof corral.artifacts_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_artifact corral.artifacts := corral.lock_artifact(p_call, p_artifact);
begin
  update corral.artifacts
     set expires_at = greatest(expires_at, corral.now() + make_interval(days => kept_days))
   where id = v_artifact.id;
  return query select * from corral.artifacts_shown where artifact_id = v_artifact.id;
end
$$;

-- A swarm's artifacts, newest first: {type, format, tags (all of them), limit, before (an artifact's id)}.
create function public.list_artifacts(p_call bigint, p_filter jsonb default '{}') returns setof corral.artifacts_shown
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_call corral.audit := corral.caller(p_call);
  v_tags text[] := array(select jsonb_array_elements_text(coalesce(nullif(p_filter -> 'tags', 'null'), '[]')));
begin
  return query
    select s.* from corral.artifacts a join corral.artifacts_shown s on s.artifact_id = a.id
     where (v_call.is_admin or a.swarm_id = v_call.swarm_id) and a.expires_at > corral.now()
       and (p_filter ->> 'type' is null or a.type::text = p_filter ->> 'type')
       and (p_filter ->> 'format' is null or a.format::text = p_filter ->> 'format')
       and a.tags @> v_tags
       and (p_filter ->> 'before' is null or (a.created_at, a.id) < (
             select b.created_at, b.id from corral.artifacts b
              where b.id = (p_filter ->> 'before')::uuid and (v_call.is_admin or b.swarm_id = v_call.swarm_id)))
     order by a.created_at desc, a.id desc
     limit least(coalesce((p_filter ->> 'limit')::int, 100), 1000);
end
$$;

-- Changes what is said of an artifact: {name, type, metadata, tags}.
create function public.update_artifact(p_call bigint, p_artifact uuid, p_changes jsonb)
returns setof corral.artifacts_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_artifact corral.artifacts := corral.lock_artifact(p_call, p_artifact, jsonb_build_object('changes', p_changes));
begin
  update corral.artifacts
     set name = coalesce(p_changes ->> 'name', name),
         type = coalesce((p_changes ->> 'type')::corral.artifact_type, type),
         metadata = coalesce(nullif(p_changes -> 'metadata', 'null'), metadata),
         tags = case when jsonb_typeof(p_changes -> 'tags') = 'array'
           then array(select jsonb_array_elements_text(p_changes -> 'tags')) else tags end,
         expires_at = greatest(expires_at, corral.now() + make_interval(days => kept_days))
   where id = v_artifact.id;
  return query select * from corral.artifacts_shown where artifact_id = v_artifact.id;
end
$$;

-- Forgets an artifact; the cleanup deletes what is left of it in the bucket.
create function public.delete_artifact(p_call bigint, p_artifact uuid) returns setof corral.artifacts_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_artifact corral.artifacts := corral.lock_artifact(p_call, p_artifact);
begin
  return query select * from corral.artifacts_shown where artifact_id = v_artifact.id;
  delete from corral.artifacts where id = v_artifact.id;
end
$$;

-- Keeps an artifact for so many days from now, and from each access on.
create function public.extend_artifact(p_call bigint, p_artifact uuid, p_days int) returns setof corral.artifacts_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_artifact corral.artifacts := corral.lock_artifact(p_call, p_artifact, jsonb_build_object('expiry_days', p_days));
begin
  update corral.artifacts
     set kept_days = p_days, expires_at = greatest(expires_at, corral.now() + make_interval(days => p_days))
   where id = v_artifact.id;
  return query select * from corral.artifacts_shown where artifact_id = v_artifact.id;
end
$$;

revoke execute on function
  corral.lock_artifact, public.create_artifact, public.complete_artifact, public.get_artifact, public.list_artifacts,
  public.update_artifact, public.delete_artifact, public.extend_artifact
  from public, anon, authenticated;
grant execute on function
  public.create_artifact, public.complete_artifact, public.get_artifact, public.list_artifacts,
  public.update_artifact, public.delete_artifact, public.extend_artifact
  to service_role;
