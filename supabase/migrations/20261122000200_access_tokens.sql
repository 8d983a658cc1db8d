-- The tokens of the data API. Functions see texts; only hashes come here.

-- The id of a swarm by its name, which is made unless there is one.
create function corral.ensure_swarm(p_name text) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_swarm bigint := (select id from corral.swarms where name = p_name);
begin
  return coalesce(v_swarm, corral.create_swarm(p_name));
exception when unique_violation then
  -- Somebody else made it at the same moment.
  return (select id from corral.swarms where name = p_name);
end
$$;

-- Tokens as admins see them.
create view corral.tokens_shown with (security_invoker = true) as
select t.id as token_id, t.type, s.name as swarm, t.agent, t.name, t.created_at, t.expires_at, t.revoked_at,
       a.at as last_used_at, t.limits
  from corral.tokens t
  join corral.swarms s on s.id = t.swarm_id
  left join corral.allowances a on a.holder = 'token ' || t.id;

-- Keeps a token by its hex SHA-256. p_options: {swarm, agent, name, expires_at, limits}, all of them optional: the swarm
-- is "default", and an agent without a name gets one.
create function public.create_token(p_call bigint, p_type text, p_hash text, p_options jsonb)
returns setof corral.tokens_shown
language plpgsql security definer set search_path = ''
as $$
declare
  v_type corral.token_type := p_type;
  v_token bigint;
begin
  perform corral.admin(p_call);
  insert into corral.tokens (swarm_id, type, agent, name, hash, expires_at, limits)
  values (
    corral.ensure_swarm(coalesce(p_options ->> 'swarm', 'default')), v_type,
    case v_type when 'agent' then coalesce(p_options ->> 'agent', 'agent-' || left(gen_random_uuid()::text, 8)) end,
    p_options ->> 'name', decode(p_hash, 'hex'), (p_options ->> 'expires_at')::timestamptz,
    coalesce(nullif(p_options -> 'limits', 'null'), '{}'))
  returning id into v_token;
  perform public.note_call(p_call, jsonb_build_object('token_id', v_token, 'options', p_options));
  return query select * from corral.tokens_shown where token_id = v_token;
end
$$;

-- The tokens that may still be of use, then those that were revoked, newest first.
create function public.list_tokens(p_call bigint) returns setof corral.tokens_shown
language plpgsql stable security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  return query select * from corral.tokens_shown order by revoked_at is not null, token_id desc limit 1000;
end
$$;

-- Ends a token at once; one that ended before stays as it was.
create function public.revoke_token(p_call bigint, p_token bigint) returns setof corral.tokens_shown
language plpgsql security definer set search_path = ''
as $$
begin
  perform corral.admin(p_call);
  update corral.tokens set revoked_at = coalesce(revoked_at, corral.now()) where id = p_token;
  if not found then
    raise exception using errcode = 'ZC101', message = format('There is no token %s', p_token);
  end if;
  perform public.note_call(p_call, jsonb_build_object('token_id', p_token));
  return query select * from corral.tokens_shown where token_id = p_token;
end
$$;

revoke execute on function corral.ensure_swarm, public.create_token, public.list_tokens, public.revoke_token
  from public, anon, authenticated;
grant execute on function public.create_token, public.list_tokens, public.revoke_token to service_role;
