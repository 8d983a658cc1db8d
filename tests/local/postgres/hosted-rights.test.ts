import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type Role, type TestDatabase } from "../../setup/database.ts";

const ROLES: Role[] = ["anon", "authenticated", "service_role"];
let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
  await database.sql("create extension if not exists pg_net with schema extensions");
  await database.sql("create extension if not exists pg_cron");
  await database.sql("create table public.notes (id int generated always as identity primary key, body text)");
  await database.sql("alter table public.notes enable row level security");
  await database.sql("insert into public.notes (body) values ('one')");
});
afterAll(() => database.drop());

describe("the role postgres", () => {
  test("is no superuser, and creates roles and databases", async () => {
    const rights = "rolsuper, rolbypassrls, rolcreaterole, rolcreatedb";
    expect(await database.sql(`select ${rights} from pg_roles where rolname = current_user`)).toEqual([
      { rolsuper: false, rolbypassrls: true, rolcreaterole: true, rolcreatedb: true },
    ]);
  });

  test("sees rows that no policy shows", async () => {
    expect(await database.sql("select body from public.notes")).toEqual([{ body: "one" }]);
  });

  test.each([
    ["change the server's settings", "alter system set work_mem = '1GB'"],
    ["make a superuser", "create role mighty superuser"],
    ["read password hashes", "select * from pg_authid"],
    ["read files of the server", "select pg_read_file('vault.key')"],
    ["run programs on the server", "copy (select 1) to program 'true'"],
    ["alter the table of users", "alter table auth.users add column mine int"],
    ["make an untrusted extension", "create extension file_fdw"],
    ["become the superuser", "set role supabase_admin"],
    ["schedule by writing to pg_cron's table", "insert into cron.job (schedule, command) values ('* * * * *', '')"],
    ["store a secret past Vault's functions", "insert into vault.secrets (secret) values ('plain')"],
    ["learn Vault's key", "select vault._key('message', 0, 'pgsodium')"],
  ])("cannot %s", async (_what, statement) => {
    await expect(database.sql(statement)).rejects.toMatchObject({ code: "42501" });
  });

  test("hangs triggers on the table of users", async () => {
    await database.sql("create table public.seen (id uuid)");
    await database.sql(`create function public.see_user() returns trigger language plpgsql security definer as
      $$ begin insert into public.seen values (new.id); return new; end $$`);
    await database.sql("create trigger see after insert on auth.users for each row execute function public.see_user()");
    const [user] = await database.sql("insert into auth.users (id) values (gen_random_uuid()) returning id");
    expect(await database.sql("select id from public.seen")).toEqual([user]);
  });
});

describe("the roles of requests", () => {
  test("get every right on what postgres makes in public, RLS permitting", async () => {
    for (const role of ROLES) {
      const visible = role === "service_role" ? [{ body: "one" }] : [];
      expect(await database.as(role, {}, "select body from public.notes"), role).toEqual(visible);
      const rights = await database.as(
        role,
        {},
        "select has_table_privilege('public.notes', 'insert, update, delete') as tables, has_sequence_privilege('public.notes_id_seq', 'usage') as sequences",
      );
      expect(rights, role).toEqual([{ tables: true, sequences: true }]);
    }
  });

  test("may call what postgres makes in public, by default", async () => {
    await database.sql("create function public.answer() returns int language sql as 'select 42'");
    for (const role of ROLES) {
      expect(await database.as(role, {}, "select public.answer()"), role).toEqual([{ answer: 42 }]);
    }
  });

  test("make nothing in public", async () => {
    for (const role of ROLES) {
      await expect(database.as(role, {}, "create table public.mine ()"), role).rejects.toMatchObject({ code: "42501" });
    }
  });

  test("have three and eight seconds for a statement; service_role keeps the authenticator's eight", async () => {
    const limits = await Promise.all(
      ROLES.map((role) => database.as(role, {}, "select current_setting('statement_timeout') as limit")),
    );
    expect(limits.flat()).toEqual([{ limit: "3s" }, { limit: "8s" }, { limit: "8s" }]);
    const gateway = await database.connect(database.authenticatorUrl);
    expect((await gateway.query("select current_setting('lock_timeout') as limit")).rows).toEqual([{ limit: "8s" }]);
  });

  test("see their claims by auth.uid, auth.role, auth.email and auth.jwt", async () => {
    const sub = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    const claims = { sub, email: "a@example.com", app_metadata: { corral_role: "admin" } };
    const question = "select auth.uid(), auth.role(), auth.email(), auth.jwt() -> 'app_metadata' as meta";
    expect(await database.as("authenticated", claims, question)).toEqual([
      { uid: sub, role: "authenticated", email: "a@example.com", meta: { corral_role: "admin" } },
    ]);
  });

  test("see no claims outside of a request", async () => {
    const gateway = await database.connect(database.authenticatorUrl);
    await gateway.query("set role anon");
    expect((await gateway.query("select auth.uid(), auth.role(), auth.jwt()")).rows).toEqual([
      { uid: null, role: null, jwt: null },
    ]);
  });

  test("reach Supabase's own schemas no further than on a hosted project", async () => {
    const schemas = ["auth", "cron", "extensions", "net", "vault"];
    const reach = await database.sql(
      `select role, array_agg(schema order by schema) filter (where has_schema_privilege(role, schema, 'usage')) as reached
         from unnest($1::text[]) role, unnest($2::text[]) schema group by role order by role`,
      [ROLES, schemas],
    );
    // pg_net gives its schema to everybody; that the REST API does not expose it is what protects it.
    expect(reach).toEqual([
      { role: "anon", reached: ["auth", "extensions", "net"] },
      { role: "authenticated", reached: ["auth", "extensions", "net"] },
      { role: "service_role", reached: ["auth", "extensions", "net", "vault"] },
    ]);
  });

  test.each(["users", "sessions", "refresh_tokens", "identities"])("cannot read auth.%s", async (table) => {
    for (const role of ROLES) {
      await expect(database.as(role, {}, `select * from auth.${table}`), role).rejects.toMatchObject({ code: "42501" });
    }
  });
});

test("the authenticator has no rights but those of the role that it becomes", async () => {
  const gateway = await database.connect(database.authenticatorUrl);
  await expect(gateway.query("select * from public.notes")).rejects.toMatchObject({ code: "42501" });
  await expect(gateway.query("set role postgres")).rejects.toMatchObject({ code: "42501" });
});
