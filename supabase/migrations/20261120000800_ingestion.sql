-- Which projects get a run, and when they lose it.

-- Cancels the live run about a project, if there is one, and notes why; its container stops with its next report.
create function corral.cancel_dataset_run(p_project uuid, p_code text, p_message text) returns void
language sql set search_path = ''
as $$
  update corral.runs
     set state = 'cancelled', lease_expires_at = null, finished_at = corral.now(),
         error_code = p_code, error_message = p_message
   where kind = 'kaggle-to-gcs' and subject = p_project::text and state in ('queued', 'launching', 'running')
$$;

-- Gives a project that enters pending_dataset its run, unless automatic ingestion is off; one that leaves it by
-- another hand than ours loses the run.
create function corral.follow_project_status() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if new.status <> 'pending_dataset' then
    perform corral.cancel_dataset_run(
      new.id, 'project_changed', format('The project was set to %s.', new.status));
  elsif (select auto_ingestion from corral.settings) then
    perform corral.enqueue_run('kaggle-to-gcs', new.id::text);
  end if;
  return null;
end
$$;
create trigger projects_follow_status after insert or update of status on public.projects
  for each row execute function corral.follow_project_status();

-- Leaves nothing of a project that is gone, or goes by another id now: no live run, no credentials.
create function corral.forget_project() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform corral.cancel_dataset_run(old.id, 'project_not_found', 'The project was deleted.');
  perform corral.forget_kaggle_credentials(old.id);
  return null;
end
$$;
create trigger projects_forget after delete on public.projects
  for each row execute function corral.forget_project();
create trigger projects_forget_id after update of id on public.projects
  for each row when (old.id <> new.id) execute function corral.forget_project();

-- Gives every project that waits in pending_dataset without a run its run, a few hundred at a time; answers how many.
-- One that somebody is changing right now is left for the next time.
create function corral.enqueue_waiting_projects() returns int
language sql set search_path = ''
as $$
  with waiting as materialized (
    select p.id from public.projects p
     where p.status = 'pending_dataset' and corral.find_live_run('kaggle-to-gcs', p.id::text) is null
     limit 500
       for share of p skip locked
  )
  select count(corral.enqueue_run('kaggle-to-gcs', id::text))::int from waiting
$$;

revoke execute on function
  corral.cancel_dataset_run, corral.follow_project_status, corral.forget_project, corral.enqueue_waiting_projects
  from public;
