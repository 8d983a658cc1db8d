-- What the product stands on: the extensions, the schema that no API exposes, and the clock.

create extension if not exists pg_net with schema extensions;
create extension if not exists pg_cron;
create extension if not exists supabase_vault;

-- Schema public holds what others may name; everything else lives here, out of the REST gateway's reach.
create schema corral;

-- The present, as every rule knows it: the moment at which the transaction began. It sets no search_path, which it
-- does not need: only so does Postgres inline it.
create function corral.now() returns timestamptz
language sql stable
as $$ select pg_catalog.now() $$;
revoke execute on function corral.now from public;
-- Column defaults run with the rights of whoever inserts.
grant execute on function corral.now to authenticated, service_role;

-- The value of a Vault secret; null when there is none of that name.
create function corral.read_secret(p_name text) returns text
language sql stable set search_path = ''
as $$ select decrypted_secret from vault.decrypted_secrets where name = p_name $$;
revoke execute on function corral.read_secret from public;

-- Stores a Vault secret under a name, in the place of the one that has it.
create function corral.write_secret(p_name text, p_value text, p_description text) returns void
language plpgsql set search_path = ''
as $$
declare
  v_secret uuid := (select id from vault.secrets where name = p_name);
begin
  if v_secret is null then
    perform vault.create_secret(p_value, p_name, p_description);
  else
    perform vault.update_secret(v_secret, p_value);
  end if;
end
$$;
revoke execute on function corral.write_secret from public;
