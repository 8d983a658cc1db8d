-- Making jobs: whose they are, and which objects of the bucket they may name. Every call names its caller, as in the
-- rest of the API.

create type corral.create_job_outcome as enum (
  'created', 'existing', 'unauthorized', 'user_not_found', 'swarm_not_found', 'project_not_found', 'dataset_missing',
  'url_not_yours', 'idempotency_conflict'
);
create type corral.submit_job_outcome as enum ('submitted', 'job_not_found', 'unauthorized', 'url_not_yours');
create type corral.open_upload_outcome as enum ('allowed', 'unauthorized');

-- What a job is to be.
create type corral.job_spec as (
  user_id uuid, title text, swarm text, project_id uuid, data_url text, data_file text, code_url text,
  requirements_url text, chunks int, rows_per_chunk bigint, task_timeout_seconds int, max_attempts int, priority int,
  ram_gb numeric, gpu_model text, tags text[], aggregate corral.aggregate_mode, idempotency_key text, draft boolean
);

-- Whether an owner may have what a URL names read for him. The web is everybody's. Of the bucket's objects, which gs://
-- names and nothing else, his are the archives that his projects got, the files of his jobs, and what he uploaded; to
-- callers without a token, whomever they name as the owner, what belongs to nobody or was made without one.
create function corral.may_read_url(p_url text, p_owner uuid, p_open boolean) returns boolean
language sql stable set search_path = ''
as $$
  select case
    when p_url is null or p_url ~ '^https?://' then true
    -- Whoever resolves paths takes a name with such a segment for another's.
    when p_url !~ '^gs://[^/]+/' or p_url ~ '/\.\.?(/|$)' then false
    else
      coalesce(p_url ~ ('^gs://[^/]+/uploads/' || case when p_open then 'open' else p_owner::text end || '/'), false)
      or exists (
        select from public.datasets d join public.projects p on p.id = d.project_id
         where d.gcs_url = p_url and case when p_open then p.user_id is null else p.user_id = p_owner end)
      or exists (
        select from corral.jobs j
         where j.id = (regexp_match(p_url, '^gs://[^/]+/jobs/(\d{1,9})/'))[1]::bigint
           and j.is_open = p_open and j.owner_id is not distinct from p_owner)
  end
$$;

-- The same of several.
create function corral.may_read_urls(p_urls text[], p_owner uuid, p_open boolean) returns boolean
language sql stable set search_path = ''
as $$ select bool_and(corral.may_read_url(url, p_owner, p_open)) from unnest(p_urls) url $$;

-- The swarm that somebody's job goes to: the one of that name, if it is his or everybody's; null where there is none.
create function corral.find_swarm_by_name(p_name text, p_user uuid, p_admin boolean) returns bigint
language sql stable set search_path = ''
as $$
  select id from corral.swarms
   where name = coalesce(p_name, 'default') and (owner_id is null or p_admin or owner_id = p_user)
$$;

-- The folder of the bucket that a caller may put files for his jobs into, without a slash at its end.
create function public.find_upload_folder(p_user uuid default null, p_admin boolean default false)
returns table (outcome corral.open_upload_outcome, folder text)
language sql stable security definer set search_path = ''
as $$
  select case when p_admin or p_user is not null or s.open_enrollment then 'allowed' else 'unauthorized' end
           ::corral.open_upload_outcome,
         'uploads/' || coalesce(p_user::text, case when p_admin then 'admin' else 'open' end)
    from corral.settings s
$$;

-- Why a caller may not have a job made, whatever it reads, as an outcome; null where he may. Users make their own;
-- admins and callers without a token say whose it is, or nobody's.
create function corral.refuse_maker(p_spec corral.job_spec, p_user uuid, p_admin boolean) returns text
language sql stable set search_path = ''
as $$
  select case
    when m.is_open and not s.open_enrollment then 'unauthorized'
    when m.owner_id <> p_spec.user_id
      or m.owner_id is not null and not exists (select from public.users where id = m.owner_id) then 'user_not_found'
    when corral.find_swarm_by_name(p_spec.swarm, p_user, p_admin) is null then 'swarm_not_found'
    when p_spec.project_id is null then null
    -- Whoever has no token has no project of somebody's either: its data would show up in a job that all can see.
    when m.is_open and exists (select from public.projects where id = p_spec.project_id and user_id is not null)
      then 'project_not_found'
    else corral.refuse_project(p_spec.project_id, p_user, p_admin, true)::text
  end
    from corral.settings s
   cross join (
     select p_user is null and not p_admin as is_open,
            case when p_user is null or p_admin then p_spec.user_id else p_user end as owner_id) m
$$;

-- Adds a job, and the run that splits its data unless it is a draft. An idempotency key belongs to the owner, and apart
-- from his to whoever names him without a token: again with the same wishes it gives the same job, with others none.
create function corral.add_job(p_spec corral.job_spec, p_swarm bigint, p_open boolean, p_wishes jsonb)
returns table (outcome corral.create_job_outcome, job_id bigint)
language plpgsql set search_path = ''
as $$
declare
  -- What is left out is the same as null, and stays so when there is more to wish for.
  v_hash bytea := sha256(convert_to(jsonb_strip_nulls(p_wishes)::text, 'UTF8'));
begin
  insert into corral.jobs (
    owner_id, is_open, swarm_id, project_id, title, is_draft, data_url, data_file, code_url, requirements_url, chunks,
    rows_per_chunk, task_timeout_seconds, max_attempts, priority, requirement_id, aggregate, idempotency_key,
    wishes_hash)
  values (
    p_spec.user_id, p_open, p_swarm, p_spec.project_id, p_spec.title, coalesce(p_spec.draft, false), p_spec.data_url,
    p_spec.data_file, p_spec.code_url, p_spec.requirements_url,
    coalesce(p_spec.chunks, case when p_spec.rows_per_chunk is null then 8 end), p_spec.rows_per_chunk,
    coalesce(p_spec.task_timeout_seconds, 3600), coalesce(p_spec.max_attempts, 3), coalesce(p_spec.priority, 0),
    corral.resolve_requirement(p_spec.ram_gb, p_spec.gpu_model, p_spec.tags),
    coalesce(p_spec.aggregate, 'none'), p_spec.idempotency_key, v_hash)
  on conflict do nothing
  returning id into job_id;
  if job_id is not null then
    outcome := 'created';
    if not coalesce(p_spec.draft, false) then
      perform corral.enqueue_run('split', job_id::text);
    end if;
  else
    select case when j.wishes_hash = v_hash then j.id end into job_id
      from corral.jobs j
     where j.owner_id is not distinct from p_spec.user_id and j.is_open = p_open
       and j.idempotency_key = p_spec.idempotency_key;
    outcome := case when job_id is null then 'idempotency_conflict' else 'existing' end;
  end if;
  return next;
end
$$;

-- Makes a job as its caller wishes it; the same idempotency key with the same wishes again gives the same job.
create function public.create_job(p_spec jsonb, p_user uuid default null, p_admin boolean default false)
returns table (outcome corral.create_job_outcome, job_id bigint)
language plpgsql security definer set search_path = ''
as $$
declare
  v_spec corral.job_spec := jsonb_populate_record(null::corral.job_spec, p_spec);
  v_open boolean := p_user is null and not p_admin;
begin
  outcome := corral.refuse_maker(v_spec, p_user, p_admin);
  if outcome is null then
    v_spec.user_id := case when p_user is null or p_admin then v_spec.user_id else p_user end;
    if v_spec.project_id is not null then
      v_spec.user_id := coalesce(v_spec.user_id, (select user_id from public.projects where id = v_spec.project_id));
      v_spec.data_url := (select gcs_url from corral.find_dataset(v_spec.project_id));
    end if;
    outcome := case
      when v_spec.project_id is not null and v_spec.data_url is null then 'dataset_missing'
      when not p_admin and not corral.may_read_urls(
             array[v_spec.data_url, v_spec.code_url, v_spec.requirements_url], v_spec.user_id, v_open)
        then 'url_not_yours'
    end;
  end if;
  if outcome is null then
    select a.outcome, a.job_id into outcome, job_id
      from corral.add_job(v_spec, corral.find_swarm_by_name(v_spec.swarm, p_user, p_admin), v_open, p_spec) a;
  end if;
  return next;
end
$$;

-- Ends a draft: its files are in the bucket, and its data can be split.
create function public.submit_job(
  p_job bigint, p_data_url text, p_code_url text default null, p_requirements_url text default null,
  p_user uuid default null, p_admin boolean default false
) returns corral.submit_job_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_job corral.jobs := corral.lock_job(p_job, true);
  v_refusal text := corral.refuse_job(v_job, p_user, p_admin);
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  if not corral.may_read_urls(array[p_data_url, p_code_url, p_requirements_url], v_job.owner_id, v_job.is_open) then
    return 'url_not_yours';
  end if;
  if v_job.is_draft and v_job.status = 'PROCESSING' then
    update corral.jobs
       set is_draft = false, data_url = p_data_url, code_url = p_code_url, requirements_url = p_requirements_url
     where id = p_job;
    perform corral.enqueue_run('split', p_job::text);
  end if;
  return 'submitted';
end
$$;

revoke execute on function
  corral.may_read_url, corral.may_read_urls, corral.find_swarm_by_name, corral.refuse_maker, corral.add_job,
  public.find_upload_folder, public.create_job, public.submit_job
  from public, anon, authenticated;
grant execute on function public.find_upload_folder, public.create_job, public.submit_job to service_role;
