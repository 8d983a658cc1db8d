-- What the job kaggle-to-gcs asks and tells.

create type corral.task_outcome as enum ('ready', 'stale');
create type corral.publish_outcome as enum ('published', 'stale');

-- A number of bytes as people read it: `4.20 GB`, each unit 1,024 of the one before it.
create function corral.format_size(p_bytes bigint) returns text
language sql immutable set search_path = ''
as $$
  select case
    when p_bytes < 1024 then p_bytes || ' B'
    when p_bytes < 1024 ^ 2 then to_char(p_bytes / 1024.0, 'FM9990.00') || ' KB'
    when p_bytes < 1024 ^ 3 then to_char(p_bytes / 1024.0 ^ 2, 'FM9990.00') || ' MB'
    when p_bytes < 1024 ^ 4 then to_char(p_bytes / 1024.0 ^ 3, 'FM9990.00') || ' GB'
    else to_char(p_bytes / 1024.0 ^ 4, 'FM999990.00') || ' TB'
  end
$$;

revoke execute on function corral.format_size from public;

-- What the current attempt of a run is to fetch, with the project's own Kaggle credentials where it has any. The largest
-- size is that of the settings: what the project's own wishes are worth, the job judges all at once.
create function public.get_dataset_task(p_run bigint, p_attempt int)
returns table (
  outcome corral.task_outcome, project_name text, keywords text[], options jsonb, max_dataset_size_gb numeric,
  kaggle_username text, kaggle_key text
)
language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
    select 'ready'::corral.task_outcome, p.name,
           array(select k.word from unnest(p.search_keywords) with ordinality k(word, place)
                  where k.word is not null order by k.place),
           p.metadata, s.max_dataset_size_gb, c.secret ->> 'username', c.secret ->> 'key'
      from corral.runs r
      join public.projects p on p.id = r.project_id
     cross join corral.settings s
      left join lateral (select corral.read_secret(corral.kaggle_secret_name(p.id))::jsonb as secret) c on true
     where r.id = p_run and r.attempt = p_attempt and r.state = 'running';
  if not found then
    outcome := 'stale';
    return next;
  end if;
end
$$;

-- Writes a line into the project's log and, with a message, tells its owner; an attempt that is over writes nothing.
create function public.record_milestone(
  p_run bigint, p_attempt int, p_log text, p_log_level text default 'info', p_message text default null
) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
  v_run corral.runs := corral.lock_attempt(p_run, p_attempt);
begin
  if v_run.state is distinct from 'running' then
    return false;
  end if;
  perform corral.write_log(v_run.project_id, p_log, p_log_level);
  if p_message is not null then
    perform corral.write_message(v_run.project_id, p_message);
  end if;
  return true;
end
$$;

-- Hands a project its dataset, all at once: the row, the project to pending_training, the credentials gone, the run
-- succeeded, the owner told. The same publication twice is answered as the first time; an attempt that was replaced,
-- or whose project changed meanwhile, changes nothing.
create function public.publish_dataset(
  p_run bigint, p_attempt int, p_name text, p_gcs_url text, p_size_bytes bigint, p_crc32c text,
  p_md5 text default null, p_kaggle_version int default null, p_license text default null,
  p_candidates jsonb default '[]'
) returns corral.publish_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_run corral.runs := corral.lock_attempt(p_run, p_attempt);
  v_size text := corral.format_size(p_size_bytes);
begin
  if v_run.state = 'succeeded' and v_run.project_id is not null then
    return 'published';
  end if;
  if v_run.state is distinct from 'running' or v_run.project_id is null then
    return 'stale';
  end if;
  insert into public.datasets as d (
    project_id, name, gcs_url, size, source, size_bytes, crc32c, md5, kaggle_version, license, candidates)
  values (
    v_run.project_id, p_name, p_gcs_url, v_size, 'kaggle', p_size_bytes, p_crc32c, p_md5, p_kaggle_version, p_license,
    p_candidates)
  on conflict (project_id, gcs_url) do update
    set name = excluded.name, size = excluded.size, source = excluded.source, created_at = excluded.created_at,
        size_bytes = excluded.size_bytes, crc32c = excluded.crc32c, md5 = excluded.md5,
        kaggle_version = excluded.kaggle_version, license = excluded.license, candidates = excluded.candidates;
  -- The run first: a project that leaves pending_dataset takes a live one with it.
  update corral.runs
     set state = 'succeeded', phase = 'completed', lease_expires_at = null, finished_at = corral.now(),
         error_code = null, error_message = null
   where id = p_run;
  update public.projects set status = 'pending_training' where id = v_run.project_id;
  perform corral.forget_kaggle_credentials(v_run.project_id);
  perform corral.write_log(v_run.project_id, format('Completed: %s (%s) is at %s', p_name, v_size, p_gcs_url), 'info');
  perform corral.write_message(v_run.project_id, format('Your dataset %s (%s) is ready.', p_name, v_size));
  return 'published';
end
$$;

revoke execute on function public.get_dataset_task, public.record_milestone, public.publish_dataset
  from public, anon, authenticated;
grant execute on function public.get_dataset_task, public.record_milestone, public.publish_dataset
  to service_role;
