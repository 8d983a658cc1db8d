-- What the dataset agent's API asks. Every call names its caller: a user's id, or null for one without a token, and
-- whether he is an admin. Where the settings leave the API open, callers without a token may act.

create type corral.refusal as enum ('unauthorized', 'forbidden', 'project_not_found');
create type corral.start_dataset_outcome as enum (
  'started', 'joined', 'already_ingested', 'project_busy', 'project_not_found', 'unauthorized'
);
create type corral.dataset_status_outcome as enum ('found', 'project_not_found', 'unauthorized');
create type corral.save_credentials_outcome as enum ('saved', 'project_not_found', 'unauthorized');
create type corral.switch_outcome as enum ('changed', 'unchanged', 'unauthorized', 'forbidden');

-- Why a caller may not act on a project, null where he may: owners and admins always may, callers without a token
-- where p_open says so. To others a project does not exist.
create function corral.refuse_project(p_project uuid, p_user uuid, p_admin boolean, p_open boolean)
returns corral.refusal
language sql stable set search_path = ''
as $$
  select case
    when p_user is null and not p_admin and not p_open then 'unauthorized'
    when exists (select from public.projects
                  where id = p_project and (p_admin or p_user is null or user_id = p_user)) then null
    else 'project_not_found'
  end::corral.refusal
$$;

-- Why a caller may not do what admins do; null where he may.
create function corral.refuse_admin(p_user uuid, p_admin boolean) returns corral.refusal
language sql stable set search_path = ''
as $$
  select case
    when p_admin or (p_user is null and open_admin) then null
    when p_user is null then 'unauthorized'
    else 'forbidden'
  end::corral.refusal
    from corral.settings
$$;

-- The dataset that a project has now: the newest.
create function corral.find_dataset(p_project uuid) returns setof public.datasets
language sql stable set search_path = ''
as $$ select * from public.datasets where project_id = p_project order by created_at desc, id limit 1 $$;

revoke execute on function corral.refuse_project, corral.refuse_admin, corral.find_dataset from public;

-- Starts a project's ingestion, also while automatic ingestion is off, or joins the one that is under way.
create function public.start_dataset(p_project uuid, p_user uuid default null, p_admin boolean default false)
returns table (
  outcome corral.start_dataset_outcome, run_id bigint, dataset_name text, gcs_url text, size text
)
language plpgsql security definer set search_path = ''
as $$
declare
  v_status public.project_status;
  v_dataset public.datasets;
begin
  outcome := corral.refuse_project(p_project, p_user, p_admin, (select open_enrollment from corral.settings));
  if outcome is not null then
    return next;
    return;
  end if;
  select p.status into v_status from public.projects p where p.id = p_project for no key update;
  select d.* into v_dataset from corral.find_dataset(p_project) d;
  run_id := corral.find_live_run('kaggle-to-gcs', p_project::text);
  outcome := case
    when v_status is null then 'project_not_found'
    when v_status in ('training', 'completed') then 'project_busy'
    when run_id is not null then 'joined'
    when v_status = 'pending_training' and v_dataset.id is not null then 'already_ingested'
    else 'started'
  end;
  if outcome = 'started' then
    run_id := corral.enqueue_run('kaggle-to-gcs', p_project::text);
    update public.projects p set status = 'pending_dataset' where p.id = p_project;
  elsif outcome = 'already_ingested' then
    dataset_name := v_dataset.name;
    gcs_url := v_dataset.gcs_url;
    size := v_dataset.size;
  end if;
  return next;
end
$$;

-- How a dataset run is getting on, and what came of it; no row when there is no such run.
create function public.get_dataset_run(p_run bigint)
returns table (
  state corral.run_state, error_code text, error_message text,
  dataset_name text, gcs_url text, size text
)
language sql stable security definer set search_path = ''
as $$
  select r.state, r.error_code, r.error_message, d.name, d.gcs_url, d.size
    from corral.runs r
    left join lateral corral.find_dataset(r.project_id) d on r.state = 'succeeded'
   where r.id = p_run and r.kind = 'kaggle-to-gcs'
$$;

-- A project's dataset, its ten newest log lines, newest first, and its newest run.
create function public.get_dataset_status(p_project uuid, p_user uuid default null, p_admin boolean default false)
returns table (
  outcome corral.dataset_status_outcome, project_status public.project_status,
  dataset public.datasets, logs public.agent_logs[], run corral.runs
)
language plpgsql stable security definer set search_path = ''
as $$
begin
  outcome := corral.refuse_project(p_project, p_user, p_admin, (select open_enrollment from corral.settings));
  if outcome is not null then
    return next;
    return;
  end if;
  return query
    select 'found'::corral.dataset_status_outcome,
           p.status,
           (select d from corral.find_dataset(p.id) d),
           array(select l from public.agent_logs l where l.project_id = p.id order by l.id desc limit 10),
           (select r
              from corral.runs r
             where r.kind = 'kaggle-to-gcs' and r.subject = p.id::text
             order by r.id desc limit 1)
      from public.projects p
     where p.id = p_project;
end
$$;

-- Keeps a project's Kaggle credentials in Vault until its dataset is there.
create function public.save_kaggle_credentials(
  p_project uuid, p_username text, p_key text, p_user uuid default null, p_admin boolean default false
) returns corral.save_credentials_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_refusal corral.refusal :=
    corral.refuse_project(p_project, p_user, p_admin, (select open_admin from corral.settings));
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  perform from public.projects where id = p_project for no key update;
  if not found then
    return 'project_not_found';
  end if;
  perform corral.store_kaggle_credentials(p_project, jsonb_build_object('username', p_username, 'key', p_key));
  return 'saved';
end
$$;

-- Switches automatic ingestion; on, it also gives a run to the projects that are waiting for one.
create function public.set_auto_ingestion(p_on boolean, p_user uuid default null, p_admin boolean default false)
returns corral.switch_outcome
language plpgsql security definer set search_path = ''
as $$
declare
  v_refusal corral.refusal := corral.refuse_admin(p_user, p_admin);
  v_changed boolean;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  update corral.settings set auto_ingestion = p_on where auto_ingestion <> p_on;
  v_changed := found;
  if p_on then
    perform corral.enqueue_waiting_projects();
  end if;
  return case when v_changed then 'changed' else 'unchanged' end;
end
$$;

revoke execute on function
  public.start_dataset, public.get_dataset_run, public.get_dataset_status, public.save_kaggle_credentials,
  public.set_auto_ingestion
  from public, anon, authenticated;
grant execute on function
  public.start_dataset, public.get_dataset_run, public.get_dataset_status, public.save_kaggle_credentials,
  public.set_auto_ingestion
  to service_role;
