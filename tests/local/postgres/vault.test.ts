import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";

let database: TestDatabase;
let admin: pg.Client;

beforeAll(async () => {
  database = await cloneDatabase();
  admin = await database.connect(database.adminUrl);
});
afterAll(() => database.drop());

async function createSecret(secret: string, name: string | null = null): Promise<string> {
  const [row] = await database.sql<{ id: string }>("select vault.create_secret($1, $2) as id", [secret, name]);
  return row?.id ?? "";
}

async function readSecret(id: string): Promise<unknown> {
  const [row] = await database.sql("select decrypted_secret from vault.decrypted_secrets where id = $1", [id]);
  return row?.decrypted_secret;
}

describe("a secret", () => {
  test.each(["", "short", "längere Geheimnisse 🔑", "x".repeat(100_000)])(
    "is given back as it was: %.24s",
    async (text) => {
      expect(await readSecret(await createSecret(text))).toBe(text);
    },
  );

  test("is nowhere in the server's files", async () => {
    const marker = "needle-in-the-data-folder";
    await createSecret(marker, "public-name-of-the-needle");
    const id = await createSecret("to be changed");
    await database.sql("select vault.update_secret($1, $2)", [id, marker]);
    await admin.query("checkpoint");
    const { rows } = await admin.query(
      "select current_setting('data_directory') as dir, oid from pg_database where datname = $1",
      [database.name],
    );
    const [{ dir, oid }] = rows;
    const tables = await readAll(join(dir, "base", String(oid)));
    const log = await readAll(join(dir, "pg_wal"));
    expect(tables.includes("public-name-of-the-needle")).toBe(true);
    expect(tables.includes(marker)).toBe(false);
    expect(log.includes(marker)).toBe(false);
  });

  test("looks different each time it is stored", async () => {
    const ids = [await createSecret("same"), await createSecret("same")];
    const stored = await database.sql("select distinct secret from vault.secrets where id = any($1)", [ids]);
    expect(stored).toHaveLength(2);
  });

  test("cannot be read in another secret's row", async () => {
    const [mine, other] = [await createSecret("mine"), await createSecret("other")];
    await admin.query(
      "update vault.secrets s set secret = o.secret, nonce = o.nonce from vault.secrets o where s.id = $1 and o.id = $2",
      [mine, other],
    );
    await expect(readSecret(mine)).rejects.toThrow("invalid ciphertext");
    await admin.query("delete from vault.secrets where id = $1", [mine]);
  });

  test("cannot be read once a bit of it has changed", async () => {
    const id = await createSecret("intact");
    await admin.query(
      `update vault.secrets set secret = encode(set_bit(decode(secret, 'base64'), 300, 1 - get_bit(decode(secret, 'base64'), 300)), 'base64')
        where id = $1`,
      [id],
    );
    await expect(readSecret(id)).rejects.toThrow("invalid ciphertext");
    await admin.query("delete from vault.secrets where id = $1", [id]);
  });

  test("inserted without the functions is not encrypted, and does not decrypt", async () => {
    const { rows } = await admin.query("insert into vault.secrets (secret) values ('plain') returning id, secret");
    expect(rows[0].secret).toBe("plain");
    await expect(readSecret(rows[0].id)).rejects.toThrow();
    await admin.query("delete from vault.secrets where id = $1", [rows[0].id]);
  });
});

describe("update_secret", () => {
  test("keeps what is not given", async () => {
    const id = await createSecret("first", "kept-name");
    await database.sql("select vault.update_secret($1, new_description => 'described')", [id]);
    await database.sql("select vault.update_secret($1, 'second')", [id]);
    const shown = "name, description, decrypted_secret, updated_at >= created_at as touched";
    expect(await database.sql(`select ${shown} from vault.decrypted_secrets where id = $1`, [id])).toEqual([
      { name: "kept-name", description: "described", decrypted_secret: "second", touched: true },
    ]);
  });
});

test("two secrets cannot have one name, and any number can have none", async () => {
  await createSecret("a", "taken");
  await expect(createSecret("b", "taken")).rejects.toMatchObject({ code: "23505" });
  await expect(Promise.all([createSecret("c"), createSecret("d")])).resolves.toHaveLength(2);
});

test("postgres and service_role read and delete secrets; nobody else comes near", async () => {
  const id = await createSecret("for the server");
  const read = `select decrypted_secret from vault.decrypted_secrets where id = '${id}'`;
  expect(await database.as("service_role", {}, read)).toEqual([{ decrypted_secret: "for the server" }]);
  for (const role of ["anon", "authenticated"] as const) {
    await expect(database.as(role, {}, read), role).rejects.toMatchObject({ code: "42501" });
    await expect(database.as(role, {}, "select vault.create_secret('x')"), role).rejects.toMatchObject({
      code: "42501",
    });
  }
  await database.as("service_role", {}, `delete from vault.secrets where id = '${id}'`);
  expect(await readSecret(id)).toBeUndefined();
});

test("Vault's functions are granted by name, to those two alone", async () => {
  const callable = `
    select role, array_agg(distinct proname::text order by proname::text) as functions
      from unnest('{anon,authenticated,service_role,postgres}'::text[]) role, pg_proc
     where pronamespace = 'vault'::regnamespace and proname <> '_crypto_aead_det_noncegen'
       and has_function_privilege(role, pg_proc.oid, 'execute')
     group by role order by role`;
  const functions = ["_crypto_aead_det_decrypt", "create_secret", "update_secret"];
  expect(await database.sql(callable)).toEqual([
    { role: "postgres", functions },
    { role: "service_role", functions },
  ]);
});

async function readAll(dir: string): Promise<Buffer> {
  const files = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isFile());
  return Buffer.concat(await Promise.all(files.map((file) => readFile(join(dir, file.name)))));
}
