-- A project in pending_training whose metadata has a training becomes a job by itself.

-- Why a URL that a training names cannot stand, as what follows the field; null where it can. Nobody but Postgres looks
-- at it before agents fetch it, so what passes is what every parser reads in the same way: https, a host's name whose
-- last part begins with a letter, as no address does, and neither user, backslash nor anything that is dropped or
-- decoded. Whose a gs:// object is, is asked elsewhere; an object in another spelling is refused and never signed.
create function corral.find_url_fault(p_url text) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_host text := lower(substring(
    p_url from '^https://((?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{0,62})(?::\d{1,5})?(?:[/?#]|$)'));
begin
  if p_url ~ '^gs://[^/]+/.' then
    return null;
  elsif p_url !~ '^https://' then
    return 'must begin with https://, or with gs:// for an object of the bucket';
  elsif v_host is null or p_url ~ '[^!-~]' or strpos(p_url, chr(92)) > 0
     or substring(p_url from '^https://[^/?#]+:(\d+)')::int > 65535 then
    return 'is no https URL that names a public host';
  elsif v_host ~ '\.(localhost|local|localdomain|internal|intranet|lan|home\.arpa)$' then
    return format('leads to %s, which is no public address', v_host);
  elsif v_host ~ '(^|\.)storage\.googleapis\.com$' or v_host in ('storage.cloud.google.com', 'www.googleapis.com') then
    return 'names an object of Cloud Storage: write it as gs://';
  end if;
  return null;
end
$$;

-- An amount of memory in GB, of a number of GB or of text such as 16GB; null for what is none. As shared/parse-ram.ts
-- reads it.
create function corral.read_ram_gb(p_ram jsonb) returns numeric
language sql immutable set search_path = ''
as $$
  select case when a.gb > 0 and a.gb <= 1000000 then round(a.gb, 3) end
    from regexp_match(p_ram #>> '{}', '^\s*([\d.,]+)\s*([kmgt]?)(i?b)?\s*$', 'i') part
   cross join lateral (
     select case
              when part[1] ~ '^\d{1,3}(,\d{3})+(\.\d+)?$' then replace(part[1], ',', '')
              when part[1] ~ '^\d+([.,]\d+)?$' then replace(part[1], ',', '.')
            end::numeric as amount) n
   cross join lateral (
     select n.amount * case
              -- Without a unit, no machine has as many gigabytes.
              when part[2] = '' and part[3] is null and n.amount < 1000000 then 1
              else case lower(part[2])
                when '' then 1 / 1024.0 ^ 3 when 'k' then 1 / 1024.0 ^ 2 when 'm' then 1 / 1024.0 when 'g' then 1 else 1024
              end
            end as gb) a
   where length(p_ram #>> '{}') <= 64
$$;

-- Why a field of a training cannot stand, as what follows its name; null where it can. The names and the limits are
-- those of shared/contract/jobs.ts.
create function corral.find_wish_fault(p_field text, p_wish jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_text text := case jsonb_typeof(p_wish) when 'string' then p_wish #>> '{}' end;
  v_max int := ('{"title": 256, "code_url": 4096, "requirements_url": 4096, "data_file": 1024, "gpu_model": 128,
                  "swarm": 64}'::jsonb ->> p_field)::int;
  v_limits jsonb := '{"chunks": [1, 9999999], "rows_per_chunk": [1, 1000000000000], "max_attempts": [1, 100],
                      "task_timeout_seconds": [1, 604800], "priority": [-100, 100]}'::jsonb -> p_field;
begin
  if v_max is not null and coalesce(length(v_text) not between 1 and v_max, true) then
    return format('is no text of 1 to %s characters', v_max);
  elsif p_field in ('code_url', 'requirements_url') then
    return corral.find_url_fault(v_text);
  elsif v_max is not null then
    return null;
  elsif v_limits is not null then
    return case
      when jsonb_typeof(p_wish) <> 'number' or p_wish #>> '{}' !~ '^-?\d+$'
        or (p_wish #>> '{}')::numeric not between (v_limits ->> 0)::bigint and (v_limits ->> 1)::bigint
      then format('is no whole number from %s to %s', v_limits ->> 0, v_limits ->> 1)
    end;
  elsif p_field = 'aggregate' then
    return case when v_text is null or v_text <> all (enum_range(null::corral.aggregate_mode)::text[])
      then format('is none of %s', array_to_string(enum_range(null::corral.aggregate_mode), ', ')) end;
  elsif p_field = 'ram' then
    return case when jsonb_typeof(p_wish) not in ('string', 'number') or corral.read_ram_gb(p_wish) is null
      then 'is no amount of memory, such as 16GB or a number of GB' end;
  elsif p_field = 'tags' then
    return case when jsonb_typeof(p_wish) <> 'array' or jsonb_array_length(p_wish) > 16 or exists (
             select from jsonb_array_elements(p_wish) tag
              where jsonb_typeof(tag) <> 'string' or length(tag #>> '{}') not between 1 and 64)
      then 'is no list of at most 16 texts of 1 to 64 characters' end;
  end if;
  return 'is nothing that a training says';
end
$$;

-- Why a training cannot become a job, for its owner; null where it can. A field that is null is left out.
create function corral.find_training_fault(p_training jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_field text;
  v_fault text;
begin
  if jsonb_typeof(p_training) is distinct from 'object' then
    return 'metadata.training is no JSON object.';
  elsif p_training ->> 'code_url' is null then
    return 'metadata.training.code_url is missing: it says where the agents find the code.';
  elsif p_training ->> 'chunks' is not null and p_training ->> 'rows_per_chunk' is not null then
    return 'metadata.training has chunks and rows_per_chunk. Give one of them.';
  end if;
  select e.key, f.fault into v_field, v_fault
    from jsonb_each(p_training) e, corral.find_wish_fault(e.key, e.value) f (fault)
   where jsonb_typeof(e.value) <> 'null' and f.fault is not null
   order by e.key
   limit 1;
  return 'metadata.training.' || left(v_field, 64) || ' ' || v_fault || '.';
end
$$;

-- Makes the job that a project's training asks for, unless one is under way; a training that makes no sense fails the
-- project and tells its owner why.
create function corral.train_project(p_project public.projects) returns void
language plpgsql set search_path = ''
as $$
declare
  v_training jsonb := jsonb_strip_nulls(p_project.metadata -> 'training');
  v_fault text := corral.find_training_fault(v_training);
  -- A project that nobody owns was made without a token, and those without one may see its job.
  v_open boolean := p_project.user_id is null;
  v_spec corral.job_spec;
  v_swarm bigint;
begin
  if exists (select from corral.jobs where project_id = p_project.id and finished_at is null) then
    return;
  end if;
  if v_fault is null then
    v_spec := jsonb_populate_record(null::corral.job_spec, v_training);
    v_spec.title := coalesce(v_spec.title, nullif(left(p_project.name, 256), ''), 'Training');
    v_spec.user_id := p_project.user_id;
    v_spec.project_id := p_project.id;
    v_spec.data_url := (select gcs_url from corral.find_dataset(p_project.id));
    v_spec.ram_gb := corral.read_ram_gb(v_training -> 'ram');
    v_swarm := corral.find_swarm_by_name(v_spec.swarm, p_project.user_id, false);
    v_fault := case
      when not corral.may_read_urls(array[v_spec.code_url, v_spec.requirements_url], p_project.user_id, v_open)
        then 'metadata.training names an object of the bucket that is not the project owner''s.'
      when v_swarm is null then 'metadata.training.swarm is no swarm.'
      when v_spec.data_url is null then 'it has no dataset.'
    end;
  end if;
  if v_fault is null then
    perform corral.add_job(v_spec, v_swarm, v_open, null);
  else
    update public.projects set status = 'failed' where id = p_project.id;
    insert into public.agent_logs (project_id, agent_name, message, log_level)
    values (p_project.id, 'compute', 'The training cannot start: ' || v_fault, 'error');
    perform corral.write_message(p_project.id, 'Your project''s training cannot start: ' || v_fault);
  end if;
end
$$;

-- Starts a project's training when it enters pending_training, or gets its training while it is there.
create function corral.follow_training() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform corral.train_project(new);
  return null;
end
$$;
create trigger projects_train_new after insert on public.projects
  for each row when (new.status = 'pending_training' and new.metadata ? 'training')
  execute function corral.follow_training();
create trigger projects_train after update of status, metadata on public.projects
  for each row when (
    new.status = 'pending_training' and new.metadata ? 'training'
    and (old.status <> 'pending_training' or old.metadata -> 'training' is distinct from new.metadata -> 'training'))
  execute function corral.follow_training();

revoke execute on function
  corral.find_url_fault, corral.read_ram_gb, corral.find_wish_fault, corral.find_training_fault, corral.train_project,
  corral.follow_training
  from public;
