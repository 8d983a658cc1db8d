import { randomBytes, randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { applyMigrations } from "../../local/postgres/migrate.ts";
import { withDatabase } from "../../local/postgres/postgres-urls.ts";
import { CorralError, toError } from "../../shared/errors.ts";

const name = `test_${randomBytes(6).toString("hex")}`;
const user = randomUUID();
let admin: pg.Client;
let client: pg.Client;

/** A Supabase database that has had users before Corral came. */
beforeAll(async () => {
  const { adminUrl, url } = inject("postgres");
  admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`create database ${name} template postgres owner postgres`);
  client = new pg.Client({ connectionString: withDatabase(url, name) });
  await client.connect();
  await client.query("insert into auth.users (id, email) values ($1, 'early@example.com')", [user]);
  await applyMigrations(withDatabase(url, name));
});
afterAll(async () => {
  await client.end();
  await admin.query(`drop database ${name} with (force)`);
  await admin.end();
});

test("the migrations bring along the users who were there before", async () => {
  const { rows } = await client.query("select id, email from public.users");
  expect(rows).toEqual([{ id: user, email: "early@example.com" }]);
});

test("the clock tells when the transaction began", async () => {
  const { rows } = await client.query("select corral.now() = now() as is_now");
  expect(rows).toEqual([{ is_now: true }]);
});

test("the settings are closed to strangers, and ingestion is automatic", async () => {
  const { rows } = await client.query("select auto_ingestion, open_enrollment, open_admin from corral.settings");
  expect(rows).toEqual([{ auto_ingestion: true, open_enrollment: false, open_admin: false }]);
});

test("there is one row of settings, whatever one tries", async () => {
  await expect(client.query("insert into corral.settings default values")).rejects.toMatchObject({ code: "23505" });
  await expect(client.query("insert into corral.settings (only_row) values (false)")).rejects.toMatchObject({
    code: "23514",
  });
});

test("every SQLSTATE that SQL raises is in the table of errors", async () => {
  const { rows } = await client.query<{ sqlstate: string }>(
    `select distinct match[1] as sqlstate
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace and n.nspname in ('public', 'corral'),
            regexp_matches(p.prosrc, '(ZC[0-9]{3})', 'g') match
      order by 1`,
  );
  expect(rows.length).toBeGreaterThan(2);
  const codes = rows.map(({ sqlstate }) => toError({ code: sqlstate, message: "Refused" }));
  expect(codes.every((error) => error instanceof CorralError)).toBe(true);
});

test("every foreign key has an index, but those to rows that are never deleted", async () => {
  const { rows } = await client.query(
    `select c.conname as name from pg_constraint c
      where c.contype = 'f' and c.connamespace in ('corral'::regnamespace, 'public'::regnamespace)
        and not exists (
          select from pg_index i
           where i.indrelid = c.conrelid and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] = c.conkey and i.indpred is null)
      order by 1`,
  );
  expect(rows).toEqual([{ name: "agents_capability_id_fkey" }, { name: "jobs_requirement_id_fkey" }]);
});
