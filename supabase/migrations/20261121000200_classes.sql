-- What jobs need and what agents have, as two small catalogues that are matched when either grows: a claim compares
-- numbers and reads no list of tags.

-- What tells two kinds apart, beside the memory: names and tags together may be longer than an index takes.
create function corral.kind_key(p_gpu_model text, p_tags text[]) returns bytea
language sql immutable set search_path = ''
as $$ select sha256(convert_to(jsonb_build_array(p_gpu_model, p_tags)::text, 'UTF8')) $$;

create table corral.requirements (
  id int generated always as identity primary key,
  ram_gb int not null,
  gpu_model text,
  tags text[] not null
);
alter table corral.requirements enable row level security;
create unique index requirements_kind_idx on corral.requirements (ram_gb, corral.kind_key(gpu_model, tags));

create table corral.capabilities (
  id int generated always as identity primary key,
  ram_gb int not null,
  gpu_model text,
  tags text[] not null,
  satisfies int[] not null
);
alter table corral.capabilities enable row level security;
create unique index capabilities_kind_idx on corral.capabilities (ram_gb, corral.kind_key(gpu_model, tags));
comment on column corral.capabilities.satisfies is 'The ids of all requirements that agents of this kind meet.';

-- Whether what an agent has meets what a job needs. A GPU is asked for by a part of its name, or by "any".
create function corral.satisfies(p_capability corral.capabilities, p_requirement corral.requirements) returns boolean
language sql immutable set search_path = ''
as $$
  select p_capability.ram_gb >= p_requirement.ram_gb
    and p_requirement.tags <@ p_capability.tags
    and case
          when p_requirement.gpu_model is null then true
          when p_requirement.gpu_model = 'any' then p_capability.gpu_model is not null
          else coalesce(strpos(p_capability.gpu_model, p_requirement.gpu_model) > 0, false)
        end
$$;

-- Names and tags compare without case and order; each counts once, and blank ones not at all.
create function corral.normalize_tags(p_tags text[]) returns text[]
language sql immutable set search_path = ''
as $$
  select coalesce(array_agg(distinct lower(trim(tag)) order by lower(trim(tag))), '{}')
    from unnest(p_tags) tag where trim(tag) <> ''
$$;

-- The id of what a job needs; new needs are matched with all capabilities there are.
create function corral.resolve_requirement(p_ram_gb numeric, p_gpu_model text, p_tags text[]) returns int
language plpgsql set search_path = ''
as $$
declare
  v_wanted corral.requirements;
begin
  v_wanted.ram_gb := ceil(least(coalesce(p_ram_gb, 0), 1e6));
  v_wanted.gpu_model := nullif(lower(trim(p_gpu_model)), '');
  v_wanted.tags := corral.normalize_tags(p_tags);
  select id into v_wanted.id from corral.requirements
   where ram_gb = v_wanted.ram_gb
     and corral.kind_key(gpu_model, tags) = corral.kind_key(v_wanted.gpu_model, v_wanted.tags);
  if not found then
    -- Both catalogues grow under one lock, or a newcomer in one could miss a newcomer in the other.
    lock table corral.requirements in share row exclusive mode;
    insert into corral.requirements (ram_gb, gpu_model, tags)
    values (v_wanted.ram_gb, v_wanted.gpu_model, v_wanted.tags)
    on conflict do nothing
    returning id into v_wanted.id;
    if not found then
      return corral.resolve_requirement(p_ram_gb, p_gpu_model, p_tags);
    end if;
    update corral.capabilities c set satisfies = c.satisfies || v_wanted.id where corral.satisfies(c, v_wanted);
  end if;
  return v_wanted.id;
end
$$;

-- The id of what an agent has.
create function corral.resolve_capability(p_ram_gb numeric, p_gpu_model text, p_tags text[]) returns int
language plpgsql set search_path = ''
as $$
declare
  v_given corral.capabilities;
begin
  v_given.ram_gb := floor(least(coalesce(p_ram_gb, 0), 1e6));
  v_given.gpu_model := lower(trim(p_gpu_model));
  -- As machines without a GPU say it.
  if v_given.gpu_model in ('', 'none', 'null', 'n/a', 'no gpu', 'cpu') then
    v_given.gpu_model := null;
  end if;
  v_given.tags := corral.normalize_tags(p_tags);
  select id into v_given.id from corral.capabilities
   where ram_gb = v_given.ram_gb
     and corral.kind_key(gpu_model, tags) = corral.kind_key(v_given.gpu_model, v_given.tags);
  if not found then
    lock table corral.requirements in share row exclusive mode;
    insert into corral.capabilities (ram_gb, gpu_model, tags, satisfies)
    select v_given.ram_gb, v_given.gpu_model, v_given.tags,
           coalesce((select array_agg(r.id) from corral.requirements r where corral.satisfies(v_given, r)), '{}')
    on conflict do nothing
    returning id into v_given.id;
    if not found then
      return corral.resolve_capability(p_ram_gb, p_gpu_model, p_tags);
    end if;
  end if;
  return v_given.id;
end
$$;

revoke execute on function
  corral.kind_key, corral.satisfies, corral.normalize_tags, corral.resolve_requirement, corral.resolve_capability
  from public;
