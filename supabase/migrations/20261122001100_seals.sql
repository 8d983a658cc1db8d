-- Seals: a chain of hashes over the audit trail, so that a row that was changed, added or removed later shows. The sweep
-- seals what no running transaction can add to; nobody who writes waits for it. Every head is also kept in the bucket.

create table corral.audit_seals (
  id bigint primary key,
  from_transaction xid8 not null,
  to_transaction xid8 not null,
  entries int not null,
  digest text not null,
  previous_head text not null,
  head text not null,
  sealed_at timestamptz not null default corral.now(),
  anchored_at timestamptz
);
alter table corral.audit_seals enable row level security;
create index audit_seals_unanchored_idx on corral.audit_seals (id) where anchored_at is null;
comment on column corral.audit_seals.to_transaction is 'The seal is over the rows of the transactions before this one, and from from_transaction on.';
comment on column corral.audit_seals.digest is 'The SHA-256, in hex, of the rows'' lines in order, each with a line feed after it.';
comment on column corral.audit_seals.head is 'The SHA-256, in hex, of the previous head, a line feed, and the digest; the first has none before it.';
comment on column corral.audit_seals.anchored_at is 'When the head was in the bucket.';

alter table corral.settings
  add column audit_seal_seconds int not null default 60 check (audit_seal_seconds >= 0);
comment on column corral.settings.audit_seal_seconds is 'How often new rows of the audit trail are sealed at most.';

-- All that a row of the audit trail says, as one line of JSON. It is inlined, so its callers set what makes the line the
-- same for everybody: timezone UTC, and extra_float_digits 1.
create function corral.audit_line(p_row corral.audit) returns text
language sql stable
as $$
  select jsonb_build_array(
    p_row.id, p_row.call_id, p_row.event, p_row.at, p_row.transaction_id::text, p_row.request_id, p_row.method, p_row.path,
    p_row.is_admin, p_row.user_id, p_row.token_id, p_row.swarm_id, p_row.swarm, p_row.agent, p_row.details, p_row.status,
    p_row.error_code, p_row.rows, p_row.bytes, p_row.milliseconds)::text
$$;

-- Where a seal ends that begins at p_from and is over nothing from p_settled on: it is over some 20,000 rows at most,
-- and no more bytes than Postgres hashes in one go, but over one transaction at least.
create function corral.seal_end(p_from xid8, p_settled xid8) returns xid8
language sql stable set search_path = ''
as $$
  with first as (
    select min(transaction_id) as id from corral.audit where transaction_id >= p_from
  ), batch as (
    select a.transaction_id, row_number() over (order by a.transaction_id, a.id) as place,
           sum(pg_column_size(a) + 2 * coalesce(octet_length(a.details::text), 0))
             over (order by a.transaction_id, a.id) as bytes
      from corral.audit a
     where a.transaction_id >= p_from and a.transaction_id < p_settled
     order by a.transaction_id, a.id
     limit 20001
  ), cut as (
    select min(transaction_id) as id from batch where place > 20000 or bytes > 100000000
  )
  select case
    when cut.id > first.id then cut.id
    when cut.id = first.id then coalesce((
      select min(a.transaction_id) from corral.audit a
       where a.transaction_id > first.id and a.transaction_id < p_settled), p_settled)
    else p_settled
  end
    from first, cut
$$;

-- Seals what is new and settled, at most some 20,000 rows at a time; answers how many.
create function corral.seal_audit() returns int
language plpgsql set search_path = '' set timezone = 'UTC' set extra_float_digits = 1
as $$
declare
  v_settled xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_last corral.audit_seals;
  v_from xid8;
  v_to xid8;
  v_entries int;
  v_digest text;
  v_previous text;
begin
  if not pg_try_advisory_xact_lock(hashtext('corral.seal_audit')) then
    return 0;
  end if;
  select * into v_last from corral.audit_seals order by id desc limit 1;
  v_from := coalesce(v_last.to_transaction, '0');
  v_to := corral.seal_end(v_from, v_settled);
  -- Where there is more than one seal takes, none waits for its time.
  if v_to = v_settled
     and v_last.sealed_at > corral.now() - make_interval(secs => (select audit_seal_seconds from corral.settings)) then
    return 0;
  end if;
  select count(*), encode(sha256(convert_to(string_agg(
           corral.audit_line(a) || e'\n', '' order by a.transaction_id, a.id), 'UTF8')), 'hex')
    into v_entries, v_digest
    from corral.audit a where a.transaction_id >= v_from and a.transaction_id < v_to;
  if v_entries = 0 then
    return 0;
  end if;
  v_previous := coalesce(v_last.head, '');
  insert into corral.audit_seals (id, from_transaction, to_transaction, entries, digest, previous_head, head)
  values (
    coalesce(v_last.id, 0) + 1, v_from, v_to, v_entries, v_digest, v_previous,
    encode(sha256(convert_to(v_previous || e'\n' || v_digest, 'UTF8')), 'hex'));
  return v_entries;
end
$$;

-- Asks functions/dispatch to put the heads that are not in the bucket there, until all are.
create function corral.announce_seals() returns void
language plpgsql set search_path = ''
as $$
declare
  v_functions_url text := corral.read_secret('corral_functions_url');
  v_secret text := corral.read_secret('corral_dispatch_secret');
begin
  if v_functions_url is not null and v_secret is not null
     and exists (select from corral.audit_seals where anchored_at is null) then
    perform net.http_post(
      url => v_functions_url || '/dispatch/anchor', body => '{}',
      headers => jsonb_build_object('Content-Type', 'application/json', 'Authorization', 'Bearer ' || v_secret),
      timeout_milliseconds => 10000);
  end if;
end
$$;

-- The oldest seals whose heads are not known to be in the bucket.
create function public.list_unanchored_seals() returns table (id bigint, head text, entries int, sealed_at timestamptz)
language sql stable security definer set search_path = ''
as $$ select id, head, entries, sealed_at from corral.audit_seals where anchored_at is null order by id limit 100 $$;

-- Notes that a seal's head is in the bucket.
create function public.note_anchor(p_seal bigint) returns void
language sql security definer set search_path = ''
as $$ update corral.audit_seals set anchored_at = corral.now() where id = p_seal and anchored_at is null $$;

-- The seals after p_after, oldest first.
create function public.list_seals(p_after bigint default 0, p_limit int default 1000)
returns table (id bigint, entries int, digest text, previous_head text, head text, sealed_at timestamptz, anchored_at timestamptz)
language sql stable security definer set search_path = ''
as $$
  select id, entries, digest, previous_head, head, sealed_at, anchored_at
    from corral.audit_seals where id > p_after order by id limit least(p_limit, 1000)
$$;

-- For how many days the audit trail is kept, and the heads of its seals with it.
create function public.get_audit_retention() returns int
language sql stable security definer set search_path = ''
as $$ select audit_retention_days from corral.settings $$;

-- The lines that a seal is over, in order, p_limit of them after so many.
create function public.read_sealed_lines(p_seal bigint, p_after int default 0, p_limit int default 1000)
returns setof text
language sql stable security definer set search_path = '' set timezone = 'UTC' set extra_float_digits = 1
as $$
  select corral.audit_line(a)
    from corral.audit_seals s
    join corral.audit a on a.transaction_id >= s.from_transaction and a.transaction_id < s.to_transaction
   where s.id = p_seal
   order by a.transaction_id, a.id
  offset p_after limit least(p_limit, 1000)
$$;

-- Forgets whole seals and their rows once they are past their retention.
create function corral.forget_audit() returns void
language plpgsql set search_path = ''
as $$
declare
  v_horizon timestamptz := corral.now() - make_interval(days => (select audit_retention_days from corral.settings));
  v_to xid8;
begin
  -- The newest stays in any case, with its rows: the chain goes on from it.
  select to_transaction into v_to from corral.audit_seals
   where sealed_at < v_horizon and anchored_at is not null and id < (select max(id) from corral.audit_seals)
   order by id desc limit 1;
  if v_to is null then
    return;
  end if;
  perform set_config('corral.forgets_audit', 'yes', true);
  delete from corral.audit where transaction_id < v_to;
  perform set_config('corral.forgets_audit', '', true);
  delete from corral.audit_seals where to_transaction <= v_to;
end
$$;

revoke execute on function
  corral.audit_line, corral.seal_end, corral.seal_audit, corral.announce_seals, corral.forget_audit, public.list_unanchored_seals,
  public.note_anchor, public.list_seals, public.get_audit_retention, public.read_sealed_lines
  from public, anon, authenticated;
grant execute on function
  public.list_unanchored_seals, public.note_anchor, public.list_seals, public.get_audit_retention,
  public.read_sealed_lines
  to service_role;
