-- What the sweep and the daily cleanup do for the data lane.

alter table corral.settings
  add column snapshots_kept int not null default 3 check (snapshots_kept > 0),
  add column snapshot_retention_days int not null default 7 check (snapshot_retention_days > 0);
comment on column corral.settings.snapshots_kept is 'How many of a table''s newest snapshots are kept however old they are.';
comment on column corral.settings.snapshot_retention_days is 'How long a snapshot is kept that is none of the newest.';

-- Forgets the snapshots that nobody reads any more: all but a table's newest, the recent and the named ones, and those
-- that a query under way reads. A table that was taken off the list keeps none for long. Their objects go once the cleanup of the bucket finds them without a row.
create function corral.forget_snapshots() returns void
language sql set search_path = ''
as $$
  delete from corral.snapshots s
   using (select p.id, row_number() over (partition by p.table_id order by p.id desc) as place from corral.snapshots p) n,
         corral.tables t, corral.settings g
   where n.id = s.id and t.id = s.table_id
     and (t.removed_at < corral.now() - make_interval(days => g.snapshot_retention_days)
          or s.name is null and t.snapshot_id is distinct from s.id and n.place > g.snapshots_kept
             and s.created_at < corral.now() - make_interval(days => g.snapshot_retention_days))
     and not exists (
       select from corral.queries q, jsonb_array_elements(q.snapshots) u
        where q.state in ('pending', 'running') and u ->> 'folder' = s.folder)
$$;

-- Deletes what is past its time.
create function corral.cleanup_data() returns void
language plpgsql set search_path = ''
as $$
declare
  v_settings corral.settings := (select s from corral.settings s);
begin
  perform corral.forget_snapshots();
  delete from corral.queries
   where finished_at < corral.now() - make_interval(days => v_settings.query_retention_days);
  delete from corral.artifacts
   where expires_at < corral.now() or state = 'pending' and created_at < corral.now() - interval '1 day';
  delete from corral.syncs s
   where s.completed_at < corral.now() - make_interval(days => v_settings.run_retention_days)
     and not exists (select from corral.snapshots p where p.sync_id = s.id);
  -- That of a token tells when it was last used.
  delete from corral.allowances a
   where a.at < corral.now() - interval '1 day'
     and not exists (select from corral.tokens t where a.holder = 'token ' || t.id);
  perform corral.forget_audit();
end
$$;

-- Of these folders below snapshots/, those of no snapshot and of no sync that is under way.
create function public.list_unreferenced_snapshots(p_folders text[]) returns setof text
language sql stable security definer set search_path = ''
as $$
  select f from unnest(p_folders) f
   where not exists (select from corral.snapshots where folder = f)
     and not exists (
       select from corral.syncs
        where state in ('pending', 'running') and lpad(id::text, 9, '0') = substring(f from '/(\d+)-\d+$'))
$$;

-- Of these objects, those of no artifact.
create function public.list_unreferenced_artifacts(p_objects text[]) returns setof text
language sql stable security definer set search_path = ''
as $$ select o from unnest(p_objects) o where not exists (select from corral.artifacts where object = o) $$;

-- Of these queries, those that are forgotten.
create function public.list_forgotten_queries(p_queries uuid[]) returns setof uuid
language sql stable security definer set search_path = ''
as $$ select q from unnest(p_queries) q where not exists (select from corral.queries where id = q) $$;

-- Of these seals, those that are forgotten.
create function public.list_forgotten_seals(p_seals bigint[]) returns setof bigint
language sql stable security definer set search_path = ''
as $$ select s from unnest(p_seals) s where s < (select min(id) from corral.audit_seals) $$;

revoke execute on function
  corral.forget_snapshots, corral.cleanup_data, public.list_unreferenced_snapshots,
  public.list_unreferenced_artifacts, public.list_forgotten_queries, public.list_forgotten_seals
  from public, anon, authenticated;
grant execute on function
  public.list_unreferenced_snapshots, public.list_unreferenced_artifacts, public.list_forgotten_queries,
  public.list_forgotten_seals
  to service_role;

select cron.schedule('corral-sweep-queries', '10 seconds', 'select corral.sweep_queries()');
select cron.schedule('corral-seal-audit', '10 seconds', 'select corral.seal_audit()');
select cron.schedule('corral-anchor-seals', '* * * * *', 'select corral.announce_seals()');
select cron.schedule('corral-cleanup-data', '7 3 * * *', 'select corral.cleanup_data()');
