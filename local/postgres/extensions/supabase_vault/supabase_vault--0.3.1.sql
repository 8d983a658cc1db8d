-- The same tables, functions and rights as supabase_vault 0.3.1, with pgcrypto in libsodium's place.

-- Derives a key for one purpose from the root key, a file beside the database that no dump contains.
create function vault._key(purpose text, key_id bigint, context bytea) returns bytea
language sql stable set search_path = ''
as $$
  select @extschema:pgcrypto@.hmac(
    convert_to(purpose || ':' || key_id || ':', 'utf8') || context,
    decode(pg_catalog.pg_read_file('vault.key'), 'hex'),
    'sha256')
$$;
revoke execute on function vault._key from public;

-- The tag that authenticates a message with its additional data and nonce, and is its initialisation vector (SIV).
create function vault._tag(message bytea, additional bytea, nonce bytea, key bytea) returns bytea
language sql immutable set search_path = ''
as $$
  select @extschema:pgcrypto@.hmac(
    pg_catalog.int8send(length(additional)) || additional
      || pg_catalog.int8send(length(coalesce(nonce, ''))) || coalesce(nonce, '') || message,
    key, 'sha256')
$$;
revoke execute on function vault._tag from public;

-- Encrypts deterministically; the answer is the tag, then the ciphertext.
create function vault._crypto_aead_det_encrypt(
  message bytea, additional bytea, key_id bigint, context bytea = 'pgsodium', nonce bytea = null
) returns bytea
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_tag bytea := vault._tag(message, additional, nonce, vault._key('tag', key_id, context));
begin
  return v_tag || @extschema:pgcrypto@.encrypt_iv(
    message, vault._key('message', key_id, context), substr(v_tag, 1, 16), 'aes-cbc/pad:pkcs');
end
$$;
revoke execute on function vault._crypto_aead_det_encrypt from public;

-- Decrypts what _crypto_aead_det_encrypt made with the same additional data and nonce, and refuses anything else.
create function vault._crypto_aead_det_decrypt(
  message bytea, additional bytea, key_id bigint, context bytea = 'pgsodium', nonce bytea = null
) returns bytea
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_tag bytea := substr(message, 1, 32);
  v_plain bytea;
begin
  v_plain := @extschema:pgcrypto@.decrypt_iv(
    substr(message, 33), vault._key('message', key_id, context), substr(v_tag, 1, 16), 'aes-cbc/pad:pkcs');
  if vault._tag(v_plain, additional, nonce, vault._key('tag', key_id, context)) is distinct from v_tag then
    raise exception 'pgsodium_crypto_aead_det_decrypt_by_id: invalid ciphertext' using errcode = '22000';
  end if;
  return v_plain;
exception when external_routine_invocation_exception then
  raise exception 'pgsodium_crypto_aead_det_decrypt_by_id: invalid ciphertext' using errcode = '22000';
end
$$;
revoke execute on function vault._crypto_aead_det_decrypt from public;

create function vault._crypto_aead_det_noncegen() returns bytea
language sql volatile set search_path = ''
as $$ select @extschema:pgcrypto@.gen_random_bytes(16) $$;

create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea default vault._crypto_aead_det_noncegen(),
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);
comment on table vault.secrets is 'Secrets, encrypted by create_secret and update_secret; a plain insert is not.';
create unique index secrets_name_idx on vault.secrets (name) where name is not null;

create view vault.decrypted_secrets as
select s.id, s.name, s.description, s.secret,
       convert_from(
         vault._crypto_aead_det_decrypt(decode(s.secret, 'base64'), convert_to(s.id::text, 'utf8'), 0, nonce => s.nonce),
         'utf8') as decrypted_secret,
       s.key_id, s.nonce, s.created_at, s.updated_at
  from vault.secrets s;

-- Encrypts and stores a secret.
create function vault.create_secret(
  new_secret text, new_name text = null, new_description text = '', new_key_id uuid = null
) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
  v_id uuid := pg_catalog.gen_random_uuid();
  v_nonce bytea := vault._crypto_aead_det_noncegen();
begin
  -- Encrypted before it is stored: an insert followed by an update would leave the plain text in a dead row.
  insert into vault.secrets (id, name, description, secret, nonce)
  values (
    v_id, new_name, new_description,
    encode(vault._crypto_aead_det_encrypt(
      convert_to(new_secret, 'utf8'), convert_to(v_id::text, 'utf8'), 0, nonce => v_nonce), 'base64'),
    v_nonce);
  return v_id;
end
$$;
revoke execute on function vault.create_secret from public;

-- Changes what is given; null keeps the present value.
create function vault.update_secret(
  secret_id uuid, new_secret text = null, new_name text = null, new_description text = null, new_key_id uuid = null
) returns void
language sql security definer set search_path = ''
as $$
  update vault.secrets s
     set secret = case
           when new_secret is null then s.secret
           else encode(vault._crypto_aead_det_encrypt(
             convert_to(new_secret, 'utf8'), convert_to(s.id::text, 'utf8'), 0, nonce => s.nonce), 'base64')
         end,
         name = coalesce(new_name, s.name),
         description = coalesce(new_description, s.description),
         updated_at = now()
   where s.id = secret_id
$$;
revoke execute on function vault.update_secret from public;

select pg_catalog.pg_extension_config_dump('vault.secrets', '');

grant usage on schema vault to postgres with grant option;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;
grant execute on function vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt
  to postgres with grant option;

grant usage on schema vault to service_role;
grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
grant execute on function vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt to service_role;
