-- The daily cleanup: old rows go here, objects in the bucket by a job that asks which of them are still needed.

-- Deletes the Kaggle credentials that a project with a dataset was given more than a day ago: nothing will ask for them.
-- One that may start as it is, a draft or a failed project, keeps its own.
create function corral.forget_idle_credentials() returns void
language sql set search_path = ''
as $$
  with idle as materialized (
    select p.id from public.projects p
      join vault.secrets s on s.name = corral.kaggle_secret_name(p.id)
     where p.status in ('pending_training', 'training', 'completed')
       -- Whoever sends the project back to pending_dataset right now wants them.
       for share of p skip locked
  )
  delete from vault.secrets using idle
   where name = corral.kaggle_secret_name(idle.id) and updated_at < corral.now() - interval '1 day'
$$;

-- Deletes what is older than the settings say, and starts the job that cleans the bucket.
create function corral.cleanup() returns void
language plpgsql set search_path = ''
as $$
declare
  v_settings corral.settings := (select s from corral.settings s);
  v_cron_horizon timestamptz := corral.now() - make_interval(days => v_settings.cron_retention_days);
begin
  delete from corral.runs where finished_at < corral.now() - make_interval(days => v_settings.run_retention_days);
  delete from public.agent_logs where created_at < corral.now() - make_interval(days => v_settings.log_retention_days);
  delete from cron.job_run_details where start_time < v_cron_horizon;
  delete from net._http_response where created < v_cron_horizon;
  delete from net.http_request_queue q using corral.runs r where r.request_id = q.id and r.state <> 'queued';
  perform corral.forget_idle_credentials();
  perform corral.enqueue_run('cleanup', 'bucket');
end
$$;
revoke execute on function corral.forget_idle_credentials, corral.cleanup from public;

-- Of these gs:// URLs, those that no dataset refers to.
create function public.list_unreferenced_objects(p_urls text[]) returns setof text
language sql stable security definer set search_path = ''
as $$
  select url from unnest(p_urls) url where not exists (select from public.datasets where gcs_url = url)
$$;

-- Of these runs, those that are not over.
create function public.list_live_runs(p_runs bigint[]) returns setof bigint
language sql stable security definer set search_path = ''
as $$ select id from corral.runs where id = any (p_runs) and state in ('queued', 'launching', 'running') $$;

revoke execute on function public.list_unreferenced_objects, public.list_live_runs from public, anon, authenticated;
grant execute on function public.list_unreferenced_objects, public.list_live_runs to service_role;

select cron.schedule('corral-cleanup', '17 3 * * *', 'select corral.cleanup()');
