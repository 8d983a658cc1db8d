import type { StandInMutant } from "../stand-in-mutant.ts";

const SQL = "local/postgres/extensions/supabase_vault/supabase_vault--0.3.1.sql";
const tests = ["tests/local/postgres/vault.test.ts", "tests/local/postgres/vault-updates.test.ts"];

/** Vault: encrypted at rest, authenticated, given back by the view, changed by update_secret. */
export const vaultMutants: StandInMutant[] = [
  {
    title: "Vault: secrets are stored as they are",
    file: SQL,
    find: `  return v_tag || @extschema:pgcrypto@.encrypt_iv(
    message, vault._key('message', key_id, context), substr(v_tag, 1, 16), 'aes-cbc/pad:pkcs');`,
    replace: "  return v_tag || message;",
    tests,
  },
  {
    title: "Vault: the view does not decrypt",
    file: SQL,
    find: `       convert_from(
         vault._crypto_aead_det_decrypt(decode(s.secret, 'base64'), convert_to(s.id::text, 'utf8'), 0, nonce => s.nonce),
         'utf8') as decrypted_secret,`,
    replace: "       s.secret as decrypted_secret,",
    tests,
  },
  {
    title: "Vault: a changed ciphertext is not noticed",
    file: SQL,
    find: "  if vault._tag(v_plain, additional, nonce, vault._key('tag', key_id, context)) is distinct from v_tag then",
    replace: "  if v_plain is null then",
    tests,
  },
  {
    title: "Vault: a secret decrypts in another secret's row",
    file: SQL,
    find: "  select @extschema:pgcrypto@.hmac(\n    pg_catalog.int8send(length(additional)) || additional\n",
    replace: "  select @extschema:pgcrypto@.hmac(\n    pg_catalog.int8send(length(additional))\n",
    tests,
  },
  {
    title: "Vault: equal secrets look equal",
    file: SQL,
    find: `    pg_catalog.int8send(length(additional)) || additional
      || pg_catalog.int8send(length(coalesce(nonce, ''))) || coalesce(nonce, '') || message,`,
    replace: "    message,",
    tests,
  },
  {
    title: "Vault: update_secret forgets the name that is not given",
    file: SQL,
    find: "name = coalesce(new_name, s.name),",
    replace: "name = new_name,",
    tests,
  },
  {
    title: "Vault: update_secret forgets the secret that is not given",
    file: SQL,
    find: "when new_secret is null then s.secret",
    replace: "when new_secret is null then ''",
    tests,
  },
  {
    title: "Vault: update_secret keeps the old secret",
    file: SQL,
    find: "when new_secret is null then s.secret",
    replace: "when true then s.secret",
    tests,
  },
  {
    title: "Vault: update_secret changes every secret",
    file: SQL,
    find: "   where s.id = secret_id\n",
    replace: "   where s.id is not null\n",
    tests,
  },
  {
    title: "Vault: two secrets may have one name",
    file: SQL,
    find: "create unique index secrets_name_idx",
    replace: "create index secrets_name_idx",
    tests,
  },
  {
    title: "Vault: everybody may store secrets",
    file: SQL,
    find: "revoke execute on function vault.create_secret from public;",
    replace: "grant usage on schema vault to public;",
    tests,
  },
  {
    title: "Vault: service_role cannot read secrets",
    file: SQL,
    find: "grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;",
    replace: "",
    tests,
  },
];
