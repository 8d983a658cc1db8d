-- A project's Kaggle credentials live in Vault, under a name made of the project's id, and nowhere else.

-- Stores a project's Kaggle credentials in Vault, {username, key} or with the names of the API; JSON null forgets them.
-- What is neither raises ZC002, and nothing of it is told on. The caller holds the project's lock.
create function corral.store_kaggle_credentials(p_project uuid, p_credentials jsonb) returns void
language plpgsql set search_path = ''
as $$
declare
  v_username jsonb := coalesce(p_credentials -> 'username', p_credentials -> 'kaggle_username');
  v_key jsonb := coalesce(p_credentials -> 'key', p_credentials -> 'kaggle_key');
begin
  if p_credentials = 'null' then
    perform corral.forget_kaggle_credentials(p_project);
    return;
  end if;
  if jsonb_typeof(v_username) is distinct from 'string' or btrim(v_username #>> '{}') = ''
     or jsonb_typeof(v_key) is distinct from 'string' or btrim(v_key #>> '{}') = '' then
    raise exception using errcode = 'ZC002', message = format(
      'Cannot keep the Kaggle credentials of project %s: give an object with a username and a key, both text.', p_project);
  end if;
  perform corral.write_secret(
    corral.kaggle_secret_name(p_project), jsonb_build_object('username', v_username, 'key', v_key)::text,
    'Kaggle credentials of a project, deleted when its dataset is there');
end
$$;

-- The name under which Vault has a project's Kaggle credentials.
create function corral.kaggle_secret_name(p_project uuid) returns text
language sql immutable set search_path = ''
as $$ select 'corral_kaggle_' || p_project $$;

-- Deletes a project's Kaggle credentials, if it has any.
create function corral.forget_kaggle_credentials(p_project uuid) returns void
language sql set search_path = ''
as $$ delete from vault.secrets where name = corral.kaggle_secret_name(p_project) $$;

-- Moves metadata.kaggle_credentials into Vault before the row is stored, whoever writes it and however.
create function corral.move_kaggle_credentials() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  new.metadata := coalesce(new.metadata, '{}');
  -- Text that holds JSON would smuggle credentials past us.
  if jsonb_typeof(new.metadata) <> 'object' then
    raise exception using errcode = 'ZC001', message = format(
      'Cannot store project %s: its metadata is a JSON %s. Make it an object.', new.id, jsonb_typeof(new.metadata));
  end if;
  if not new.metadata ? 'kaggle_credentials' then
    return new;
  end if;
  if tg_op = 'INSERT' then
    -- A known id makes this an upsert, or nothing: the UPDATE that may follow was judged by RLS and comes here again.
    -- Acting now would let anybody replace the credentials of a project whose id he knows.
    -- The lock keeps the project from vanishing, which would let this row in as it is.
    perform from public.projects where id = new.id for update;
    if found then
      return new;
    end if;
  end if;
  perform corral.store_kaggle_credentials(new.id, new.metadata -> 'kaggle_credentials');
  new.metadata := new.metadata - 'kaggle_credentials';
  return new;
end
$$;
create trigger projects_move_kaggle_credentials before insert or update on public.projects
  for each row execute function corral.move_kaggle_credentials();

revoke execute on function
  corral.store_kaggle_credentials, corral.kaggle_secret_name, corral.forget_kaggle_credentials,
  corral.move_kaggle_credentials
  from public;
