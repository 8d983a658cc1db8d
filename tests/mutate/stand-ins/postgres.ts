import type { StandInMutant } from "../stand-in-mutant.ts";

const BOOTSTRAP = "local/postgres/bootstrap.sql";
const BOOTSTRAP_AUTH = "local/postgres/bootstrap-auth.sql";
const MIGRATE = "local/postgres/migrate.ts";
const rights = ["tests/local/postgres/hosted-rights.test.ts"];
const migrate = ["tests/local/postgres/migrate.test.ts"];
const start = ["tests/local/postgres/start-postgres.test.ts"];

/** What a hosted database holds before migrations, and how they get there. */
export const postgresMutants: StandInMutant[] = [
  {
    title: "Postgres: the role postgres does not bypass row level security",
    file: BOOTSTRAP,
    find: "createrole replication bypassrls",
    replace: "createrole replication",
    tests: rights,
  },
  {
    title: "Postgres: the role postgres is a superuser",
    file: BOOTSTRAP,
    find: "create role postgres login nosuperuser",
    replace: "create role postgres login superuser",
    tests: rights,
  },
  {
    title: "Postgres: the authenticator has the rights of the roles that it may become",
    file: BOOTSTRAP,
    find: "create role authenticator login noinherit",
    replace: "create role authenticator login inherit",
    tests: rights,
  },
  {
    title: "Postgres: anon has no statement timeout of its own",
    file: BOOTSTRAP,
    find: "alter role anon set statement_timeout = '3s';",
    replace: "",
    tests: rights,
  },
  {
    title: "Postgres: what postgres makes in public is closed to the roles of requests",
    file: BOOTSTRAP,
    find: "alter default privileges for role postgres in schema public\n  grant all on tables to postgres, anon, authenticated, service_role;",
    replace: "",
    tests: rights,
  },
  {
    title: "Postgres: functions that postgres makes in public cannot be called by the roles of requests",
    file: BOOTSTRAP,
    find: "alter default privileges for role postgres in schema public\n  grant all on functions to postgres, anon, authenticated, service_role;",
    replace: "alter default privileges for role postgres\n  revoke execute on functions from public;",
    tests: rights,
  },
  {
    title: "Postgres: service_role does not bypass row level security",
    file: BOOTSTRAP,
    find: "create role service_role nologin bypassrls",
    replace: "create role service_role nologin",
    tests: ["tests/db/row-level-security.test.ts", ...rights],
  },
  {
    title: "Postgres: auth.uid is not the claim's sub",
    file: BOOTSTRAP_AUTH,
    find: "::jsonb ->> 'sub'",
    replace: "::jsonb ->> 'id'",
    tests: rights,
  },
  {
    title: "Postgres: auth.role is not the claim's role",
    file: BOOTSTRAP_AUTH,
    find: "::jsonb ->> 'role'",
    replace: "::jsonb ->> 'aud'",
    tests: rights,
  },
  {
    title: "Postgres: auth.jwt is null",
    file: BOOTSTRAP_AUTH,
    find: "    nullif(current_setting('request.jwt.claims', true), '')\n  )::jsonb",
    replace: "    null\n  )::jsonb",
    tests: rights,
  },
  {
    title: "Postgres: migrations may alter auth.users",
    file: BOOTSTRAP_AUTH,
    find: "alter table auth.users owner to supabase_auth_admin;",
    replace: "alter table auth.users owner to postgres;",
    tests: rights,
  },
  {
    title: "Postgres: an edited migration under old data goes unnoticed",
    file: MIGRATE,
    find: 'essence(text) === essence(statements.join(""))',
    replace: "statements.length > 0",
    tests: migrate,
  },
  {
    title: "Postgres: a migration that fails is passed over",
    file: MIGRATE,
    find: "if (code !== 0) throw",
    replace: "if (code === null) throw",
    tests: migrate,
  },
  {
    title: "Postgres: a fresh start keeps the data",
    file: "local/postgres/start-postgres.ts",
    find: "if (options.fresh === true) await emptyHome(home);",
    replace: "",
    tests: start,
  },
  {
    title: "Postgres: a second start on a running data folder is not refused",
    file: "local/postgres/start-postgres.ts",
    find: "await ensureNotRunning(home.clusterDir);",
    replace: "",
    tests: start,
  },
];
