-- Agents: machines that ask for work. Each belongs to its owner and to one swarm, and is known by its id alone where
-- enrollment is open, else by the token that it got when it registered.

create type corral.agent_status as enum ('IDLE', 'BUSY', 'WORKING', 'OFFLINE');
create type corral.register_outcome as enum (
  'created', 'linked', 'owner_not_found', 'agent_conflict', 'unauthorized'
);

create table corral.agents (
  id text primary key check (length(id) between 1 and 128),
  owner_id uuid not null references public.users on delete cascade,
  swarm_id bigint not null references corral.swarms on delete cascade,
  capability_id int not null references corral.capabilities,
  gpu_model text,
  ram_total text,
  token_hash bytea,
  token_required boolean not null default false,
  token_shown boolean not null default false,
  heartbeat_interval_seconds int check (heartbeat_interval_seconds between 1 and 3600),
  status corral.agent_status not null default 'IDLE',
  poll_after_seconds real not null default 10,
  last_seen_at timestamptz not null default corral.now(),
  created_at timestamptz not null default corral.now()
-- A beat writes status, poll_after_seconds and last_seen_at, which no index may name: so it touches none.
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
alter table corral.agents enable row level security;
create index agents_owner_id_idx on corral.agents (owner_id);
create index agents_swarm_id_idx on corral.agents (swarm_id);
create index users_email_idx on public.users (lower(trim(email)));

comment on column corral.agents.token_required is 'Set when the agent enrolled by a swarm token: its id is no credential.';
comment on column corral.agents.token_shown is
  'Set once the agent has shown its own token: nobody registers it anew without that one.';
comment on column corral.agents.heartbeat_interval_seconds is
  'How often the agent says that it beats; its leases last three of these. Null: they last the task''s timeout.';
comment on column corral.agents.poll_after_seconds is 'When it was last told to come back.';

-- How many agents there are to tell apart: counted by the sweep, read by every reply.
create table corral.fleet (
  only_row boolean primary key default true check (only_row),
  online int not null default 0,
  counted_at timestamptz not null default '-infinity'
);
alter table corral.fleet enable row level security;
insert into corral.fleet default values;

alter table corral.settings
  add column idle_requests_per_second real not null default 50 check (idle_requests_per_second > 0),
  add column poll_floor_seconds real not null default 10 check (poll_floor_seconds >= 0);
comment on column corral.settings.idle_requests_per_second is
  'How many requests per second all idle agents together may make; the larger the fleet, the rarer each comes.';
comment on column corral.settings.poll_floor_seconds is 'How soon an idle agent may come back at the earliest.';

-- What every call of an agent needs to know before anything else: whether tokens may be left out, and when an idle
-- agent should ask again, in seconds, before jitter: the larger the fleet, the later.
create view corral.reception with (security_invoker = true) as
select s.open_enrollment, greatest(
         s.poll_floor_seconds,
         -- No join: the planner does not know how small these tables are, and would prepare for many rows.
         (select f.online from corral.fleet f where f.only_row) / s.idle_requests_per_second
       )::real as poll_after
  from corral.settings s where s.only_row;

-- The same seconds for one agent: those who were told together must not come together.
create function corral.jitter(p_seconds real) returns real
language sql volatile
as $$ select (p_seconds * (0.8 + random() * 0.4))::real $$;

-- Whether an agent is silent for longer than anything that it was told or declared would explain.
create function corral.is_offline(p_agent corral.agents) returns boolean
language sql stable set search_path = ''
as $$
  select p_agent.last_seen_at < corral.now() - make_interval(secs => greatest(
           30, 3 * coalesce(p_agent.heartbeat_interval_seconds, 0), 3 * p_agent.poll_after_seconds))
$$;

-- The agents as people want to see them: who is silent is OFFLINE, whatever he said last.
create view corral.agents_shown with (security_invoker = true) as
select a.id, a.owner_id, s.name as swarm, a.gpu_model, a.ram_total,
       case when corral.is_offline(a) then 'OFFLINE' else a.status end as status, a.last_seen_at, a.created_at
  from corral.agents a join corral.swarms s on s.id = a.swarm_id;

-- Whether a call may speak for an agent: with the agent's token, or without any where that is enough.
create function corral.may_speak(p_agent corral.agents, p_token text, p_open boolean) returns boolean
language sql immutable
as $$
  select case
    when p_token is null then p_open and not p_agent.token_required and not p_agent.token_shown
    else coalesce(p_agent.token_hash = decode(p_token, 'hex'), false)
  end
$$;

-- The swarm that a token enrols in; null when it is unknown, expired or revoked.
create function corral.find_swarm(p_token text) returns bigint
language sql stable set search_path = ''
as $$
  select swarm_id from corral.tokens
   where hash = decode(p_token, 'hex') and type = 'swarm' and revoked_at is null
     and (expires_at is null or expires_at > corral.now())
$$;

-- Makes an agent known, or takes it back: with another owner, from another swarm, or without the token that it holds it
-- is not the same agent. p_token and p_new_token are hex SHA-256; the new token counts where token_issued says so.
create function public.register_agent(
  p_agent text, p_email text, p_gpu_model text default null, p_ram_total text default null,
  p_ram_gb numeric default null, p_tags text[] default null, p_heartbeat_interval_seconds int default null,
  p_token text default null, p_new_token text default null
)
returns table (
  outcome corral.register_outcome, token_issued boolean, poll_after_seconds real, server_time timestamptz
)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_open boolean := (select open_enrollment from corral.settings);
  v_known corral.agents;
  v_holds_token boolean;
  v_swarm bigint;
  v_owner uuid;
  v_capability int;
begin
  token_issued := false;
  poll_after_seconds := 0;
  server_time := corral.now();
  select * into v_known from corral.agents where id = p_agent for no key update;
  v_holds_token := coalesce(v_known.token_hash = decode(p_token, 'hex'), false);
  v_swarm := case
    when v_holds_token then v_known.swarm_id
    when p_token is not null then corral.find_swarm(p_token)
    when v_open then (select id from corral.swarms where name = 'default')
  end;
  select u.id into v_owner from public.users u
   where lower(trim(u.email)) = lower(trim(p_email)) order by u.created_at limit 1;
  outcome := case
    when v_swarm is null and (v_known.token_required or v_known.token_shown) then 'agent_conflict'
    when v_swarm is null then 'unauthorized'
    when v_owner is null then 'owner_not_found'
    when v_known.id is null then 'created'
    when v_known.owner_id <> v_owner or v_known.swarm_id <> v_swarm then 'agent_conflict'
    -- A token that was never shown may have been lost with the reply that told it.
    when not v_holds_token and (v_known.token_shown or v_known.token_required and p_token is null) then 'agent_conflict'
    else 'linked'
  end;
  if outcome not in ('created', 'linked') then
    return next;
    return;
  end if;
  token_issued := not v_holds_token;
  v_capability := corral.resolve_capability(p_ram_gb, p_gpu_model, p_tags);
  insert into corral.agents as a (
    id, owner_id, swarm_id, capability_id, gpu_model, ram_total, heartbeat_interval_seconds, token_hash, token_required)
  values (
    p_agent, v_owner, v_swarm, v_capability, p_gpu_model, p_ram_total, p_heartbeat_interval_seconds,
    decode(p_new_token, 'hex'), p_token is not null)
  on conflict (id) do update
    set capability_id = excluded.capability_id, gpu_model = excluded.gpu_model, ram_total = excluded.ram_total,
        heartbeat_interval_seconds = excluded.heartbeat_interval_seconds, last_seen_at = corral.now(),
        token_hash = case when v_holds_token then a.token_hash else excluded.token_hash end,
        token_required = a.token_required or excluded.token_required,
        token_shown = a.token_shown or v_holds_token
    -- Two first registrations at once: whoever comes second is judged again.
    where v_known.id is not null;
  if not found then
    return query select * from public.register_agent(
      p_agent, p_email, p_gpu_model, p_ram_total, p_ram_gb, p_tags, p_heartbeat_interval_seconds, p_token, p_new_token);
    return;
  end if;
  return next;
end
$$;

revoke execute on function
  corral.jitter, corral.is_offline, corral.may_speak, corral.find_swarm, public.register_agent
  from public, anon, authenticated;
grant execute on function public.register_agent to service_role;
