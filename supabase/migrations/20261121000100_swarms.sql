-- Swarms: who may work on what. Agents and jobs each belong to one, and no task leaves its swarm.

create table corral.swarms (
  id bigint generated always as identity primary key,
  name text not null unique check (length(name) between 1 and 64),
  owner_id uuid references public.users on delete cascade,
  turn regclass not null,
  lanes int not null default 0,
  created_at timestamptz not null default corral.now()
);
alter table corral.swarms enable row level security;
create index swarms_owner_id_idx on corral.swarms (owner_id);
comment on column corral.swarms.owner_id is 'The only user who may give the swarm work, and with whom it goes; null where every user may.';
comment on column corral.swarms.turn is 'The sequence that says whose turn it is: its value modulo lanes.';
comment on column corral.swarms.lanes is 'How many owners have work for the swarm: the lanes 0 to lanes - 1 exist.';

create type corral.token_type as enum ('swarm', 'agent');

create table corral.tokens (
  id bigint generated always as identity primary key,
  swarm_id bigint not null references corral.swarms on delete cascade,
  type corral.token_type not null default 'swarm',
  agent text check (length(agent) between 1 and 128),
  name text check (length(name) between 1 and 255),
  -- Whole numbers only: what else would be here, every call with the token would stumble over.
  limits jsonb not null default '{}' check (
    jsonb_typeof(limits) = 'object'
    and not limits @? 'strict $.* ? (@.type() != "null" && (@.type() != "number" || @ < 1 || @.floor() != @))'),
  hash bytea not null unique,
  created_at timestamptz not null default corral.now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  check ((agent is not null) = (type = 'agent'))
);
alter table corral.tokens enable row level security;
create index tokens_swarm_id_idx on corral.tokens (swarm_id);
comment on column corral.tokens.type is 'A swarm''s token enrols agents and scopes data; an agent''s tells who calls the data API.';
comment on column corral.tokens.limits is 'What the data API allows its holder, where that differs from the settings.';
comment on column corral.tokens.hash is 'The SHA-256 of the token, which nobody keeps.';

-- Makes a swarm with its sequence, which belongs to whoever owns the functions that draw from it; answers its id.
create function corral.create_swarm(p_name text, p_owner uuid default null) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  v_sequence text := format('corral.swarm_turn_%s', replace(gen_random_uuid()::text, '-', ''));
  v_swarm bigint;
begin
  execute format('create sequence %s as bigint minvalue 0 start 0 cycle', v_sequence);
  insert into corral.swarms (name, owner_id, turn) values (p_name, p_owner, v_sequence::regclass) returning id into v_swarm;
  return v_swarm;
end
$$;

-- Drops the sequence of a swarm that is gone.
create function corral.forget_swarm() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  execute format('drop sequence if exists %s', old.turn);
  return null;
end
$$;
create trigger swarms_forget after delete on corral.swarms
  for each row execute function corral.forget_swarm();

-- Makes a token that enrols agents in a swarm, and the swarm too unless there is one of that name. Whoever runs this
-- sees the token, once: only its hash is kept.
create function corral.issue_swarm_token(p_swarm text, p_expires_at timestamptz default null) returns text
language plpgsql security definer set search_path = ''
as $$
declare
  v_swarm bigint := coalesce((select id from corral.swarms where name = p_swarm), corral.create_swarm(p_swarm));
  v_random bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  v_token text := 'corral_swarm_' || encode(v_random, 'hex');
begin
  insert into corral.tokens (swarm_id, hash, expires_at) values (v_swarm, sha256(v_token::bytea), p_expires_at);
  return v_token;
end
$$;

revoke execute on function corral.create_swarm, corral.forget_swarm, corral.issue_swarm_token from public;

select corral.create_swarm('default');
