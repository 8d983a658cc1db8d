-- The record: every call to the data API is written down before anything is done for it, and nothing written is changed.

create type corral.audit_event as enum ('received', 'detail', 'finished');

create sequence corral.audit_ids as bigint;
create table corral.audit (
  id bigint primary key default nextval('corral.audit_ids'),
  call_id bigint not null,
  event corral.audit_event not null,
  at timestamptz not null default corral.now(),
  transaction_id xid8 not null default pg_current_xact_id(),
  request_id text,
  method text,
  path text,
  is_admin boolean not null default false,
  user_id uuid,
  token_id bigint,
  swarm_id bigint,
  swarm text,
  agent text,
  details jsonb,
  status int,
  error_code text,
  rows bigint,
  bytes bigint,
  milliseconds real
);
alter table corral.audit enable row level security;
create index audit_call_id_idx on corral.audit (call_id);
create index audit_at_idx on corral.audit (at, id);
create index audit_transaction_id_idx on corral.audit (transaction_id);
create index audit_request_id_idx on corral.audit (request_id) where event = 'received';
create index audit_agent_idx on corral.audit (agent, id) where event = 'received';
create index audit_swarm_idx on corral.audit (swarm, id) where event = 'received';
-- The tables that a call turned out to be about, in small letters; a function for it would cost each insert more.
create index audit_tables_idx on corral.audit
  using gin ((lower(jsonb_path_query_array(details, '$.tables[*].table')::text)::jsonb) jsonb_path_ops)
  where event = 'detail' and details ? 'tables';

comment on column corral.audit.call_id is 'The id of the call''s first row, of event received, which says who called and what.';
comment on column corral.audit.transaction_id is 'Who wrote the row: once no older transaction is left, what it wrote is sealed.';
comment on column corral.audit.token_id is 'The agent''s token; null for admins.';
comment on column corral.audit.status is 'The HTTP status: in a received row only where the call was refused at the door.';

-- Refuses to change what is on record; only rows past their retention go, and only the cleanup says so.
create function corral.keep_audit() returns trigger
language plpgsql set search_path = ''
as $$
begin
  if tg_op = 'DELETE' and current_setting('corral.forgets_audit', true) = 'yes' then
    return old;
  end if;
  raise exception 'The audit trail is append-only.';
end
$$;
create trigger audit_keep_rows before update or delete on corral.audit
  for each row execute function corral.keep_audit();
create trigger audit_keep_table before truncate on corral.audit
  for each statement execute function corral.keep_audit();

alter table corral.settings
  add column requests_per_minute int not null default 600 check (requests_per_minute > 0),
  add column audit_retention_days int not null default 90 check (audit_retention_days > 0);
comment on column corral.settings.requests_per_minute is
  'How many calls to the data API one token may make in a minute, unless it has a limit of its own.';
comment on column corral.settings.audit_retention_days is 'How long the audit trail is kept.';

-- How many calls a token still has, and when that was so: it fills up evenly, to a minute's worth. A crash may empty it.
create unlogged table corral.allowances (
  holder text primary key,
  calls_left real not null,
  is_spent boolean not null,
  at timestamptz not null
) with (fillfactor = 50);
alter table corral.allowances enable row level security;

-- Takes one call from a holder's allowance; answers 0, or how many seconds until there is one again.
create function corral.spend_call(p_holder text, p_per_minute int) returns real
-- Not language sql, which Postgres would plan anew at every call to the API.
language plpgsql set search_path = ''
as $$
declare
  v_seconds real;
begin
  insert into corral.allowances as a (holder, calls_left, is_spent, at)
  values (p_holder, p_per_minute - 1, false, corral.now())
  on conflict (holder) do update
    set (calls_left, is_spent, at) = (
      select case when refilled >= 1 then refilled - 1 else refilled end, refilled < 1, greatest(a.at, excluded.at)
        from (select least(
                p_per_minute,
                a.calls_left + greatest(extract(epoch from excluded.at - a.at), 0) * p_per_minute / 60.0)::real) f (refilled))
  returning case when is_spent then (1 - calls_left) * 60.0 / p_per_minute else 0 end into v_seconds;
  return v_seconds;
end
$$;

create type corral.admission as enum ('admitted', 'unauthorized', 'forbidden', 'rate_limited');

-- Lets a call to the data API in, or not, and puts it on record either way. p_swarm_token and p_agent_token are hex
-- SHA-256. A call to what is public is let in whoever makes it, and has no rights by that.
create function public.admit_call(
  p_method text, p_path text, p_request_id text, p_admin_only boolean, p_swarm_token text default null,
  p_agent_token text default null, p_user uuid default null, p_admin boolean default false,
  p_public boolean default false
)
returns table (
  outcome corral.admission, call_id bigint, is_admin boolean, swarm text, agent text, retry_after_seconds real
)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_per_minute int;
  v_open boolean;
  v_swarm bigint;
  v_token bigint;
begin
  call_id := nextval('corral.audit_ids');
  select s.requests_per_minute, s.open_admin into v_per_minute, v_open from corral.settings s;
  is_admin := p_admin or v_open and p_user is null and p_swarm_token is null and p_agent_token is null;
  retry_after_seconds := 0;
  if p_swarm_token is not null and p_agent_token is not null then
    -- The check of corral.find_swarm, in the one statement that also finds the agent.
    select t.swarm_id, a.id, a.agent, coalesce((a.limits ->> 'requests_per_minute')::int, v_per_minute)
      into v_swarm, v_token, agent, v_per_minute
      from corral.tokens t
      left join corral.tokens a
        on a.hash = decode(p_agent_token, 'hex') and a.type = 'agent' and a.swarm_id = t.swarm_id
       and a.revoked_at is null and (a.expires_at is null or a.expires_at > corral.now())
     where t.hash = decode(p_swarm_token, 'hex') and t.type = 'swarm' and t.revoked_at is null
       and (t.expires_at is null or t.expires_at > corral.now());
  end if;
  if agent is not null then
    select s.name into swarm from corral.swarms s where s.id = v_swarm;
    retry_after_seconds := corral.spend_call('token ' || v_token, v_per_minute);
  end if;
  outcome := case
    when is_admin or p_public and retry_after_seconds = 0 then 'admitted'
    when agent is null and p_user is null then 'unauthorized'
    when p_admin_only or agent is null then 'forbidden'
    when retry_after_seconds > 0 then 'rate_limited'
    else 'admitted'
  end;
  insert into corral.audit (
    id, call_id, event, request_id, method, path, is_admin, user_id, token_id, swarm_id, swarm, agent, status)
  values (
    call_id, call_id, 'received', p_request_id, p_method, left(p_path, 2000), is_admin, p_user, v_token,
    case when agent is not null then v_swarm end, swarm, agent,
    case outcome when 'unauthorized' then 401 when 'forbidden' then 403 when 'rate_limited' then 429 end);
  return next;
end
$$;

-- Who made a call that was let in; a function that does something for a call has its rights from here.
create function corral.caller(p_call bigint) returns corral.audit
language plpgsql stable set search_path = ''
as $$
declare
  v_call corral.audit := (
    select a from corral.audit a
     where id = p_call and event = 'received' and status is null and (is_admin or swarm_id is not null));
begin
  if v_call.id is null then
    raise exception 'No call % was let in.', p_call;
  end if;
  return v_call;
end
$$;

-- The same, and refuses everybody but admins.
create function corral.admin(p_call bigint) returns corral.audit
language plpgsql stable set search_path = ''
as $$
declare
  v_call corral.audit := corral.caller(p_call);
begin
  if not v_call.is_admin then
    raise exception using errcode = 'ZC102', message = 'This is for admins';
  end if;
  return v_call;
end
$$;

-- Adds to the record of a call what it turned out to be about.
create function public.note_call(p_call bigint, p_details jsonb) returns void
language plpgsql security definer set search_path = ''
as $$
begin
  insert into corral.audit (call_id, event, details) values ((corral.caller(p_call)).id, 'detail', p_details);
end
$$;

-- The same for a call to what is public, which has no rights that it could be known by.
create function public.note_public_call(p_call bigint, p_details jsonb) returns void
language plpgsql security definer set search_path = ''
as $$
begin
  insert into corral.audit (call_id, event, details)
  select a.id, 'detail', p_details from corral.audit a
   where a.id = p_call and a.event = 'received' and a.status is null;
end
$$;

-- Puts on record how calls ended, each once: [{call, status, error_code, rows, bytes, milliseconds}].
create function public.finish_calls(p_calls jsonb) returns void
language plpgsql security definer set search_path = ''
as $$
begin
  insert into corral.audit (call_id, event, status, error_code, rows, bytes, milliseconds)
  select c.call, 'finished', c.status, c.error_code, c.rows, c.bytes, c.milliseconds
    from jsonb_to_recordset(p_calls) as c (
      call bigint, status int, error_code text, rows bigint, bytes bigint, milliseconds real)
   where not exists (select from corral.audit f where f.call_id = c.call and f.event = 'finished');
end
$$;

-- What is on record, newest first: of an agent, a swarm, a table ("schema.table"), a request, between two moments;
-- after before_id, the last row of the page before.
create function public.search_audit(p_call bigint, p_filter jsonb)
returns table (
  id bigint, call_id bigint, event corral.audit_event, at timestamptz, request_id text, is_admin boolean, user_id uuid,
  swarm text, agent text, method text, path text, details jsonb, status int, error_code text, rows bigint,
  bytes bigint, milliseconds real
)
language plpgsql stable security definer set search_path = ''
-- What the filter leaves out is planned away, and what it names has an index.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_before_at timestamptz;
  v_before_id bigint;
  v_tables jsonb := jsonb_build_array(lower(p_filter ->> 'table'));
  v_few bigint[];
begin
  perform corral.admin(p_call);
  if p_filter ->> 'table' is not null then
    -- A few are looked up; where there are many, the newest of them are soon met on the way through the newest rows.
    v_few := array(
      select d.call_id from corral.audit d
       where d.event = 'detail' and d.details ? 'tables'
         and lower(jsonb_path_query_array(d.details, '$.tables[*].table')::text)::jsonb @> v_tables
       limit 1000);
    v_few := case when cardinality(v_few) < 1000 then v_few end;
  end if;
  select b.at, b.id into v_before_at, v_before_id
    from corral.audit b where b.id >= (p_filter ->> 'before_id')::bigint order by b.id limit 1;
  return query
    select a.id, a.call_id, a.event, a.at, c.request_id, c.is_admin, c.user_id, c.swarm, c.agent, c.method, c.path,
           a.details, a.status, a.error_code, a.rows, a.bytes, a.milliseconds
      from corral.audit a
      join corral.audit c on c.id = a.call_id and c.event = 'received'
     where (p_filter ->> 'agent' is null or c.agent = p_filter ->> 'agent')
       and (p_filter ->> 'swarm' is null or c.swarm = p_filter ->> 'swarm')
       and (p_filter ->> 'request_id' is null or c.request_id = p_filter ->> 'request_id')
       and (p_filter ->> 'from' is null or a.at >= (p_filter ->> 'from')::timestamptz)
       and (p_filter ->> 'to' is null or a.at <= (p_filter ->> 'to')::timestamptz)
       and (v_before_id is null or (a.at, a.id) < (v_before_at, v_before_id))
       and (v_few is null or a.call_id = any (v_few))
       -- Not exists(), which would be answered for all rows before the first is looked at.
       and (p_filter ->> 'table' is null or v_few is not null or (
             select true from corral.audit d
              where d.call_id = a.call_id and d.event = 'detail' and d.details ? 'tables'
                and lower(jsonb_path_query_array(d.details, '$.tables[*].table')::text)::jsonb @> v_tables
              limit 1))
     order by a.at desc, a.id desc
     limit least(coalesce((p_filter ->> 'limit')::int, 100), 1000);
end
$$;

revoke execute on function
  corral.keep_audit, corral.spend_call, corral.caller, corral.admin, public.admit_call, public.note_call,
  public.note_public_call, public.finish_calls, public.search_audit
  from public, anon, authenticated;
grant execute on function
  public.admit_call, public.note_call, public.note_public_call, public.finish_calls, public.search_audit
  to service_role;
