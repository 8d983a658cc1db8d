import pg from "pg";

const EXTENSIONS = ["pg_net", "pg_cron", "supabase_vault"];
const ROLES = ["anon", "authenticated", "service_role"];

/**
 * Refuses a Postgres that we have not started and that lacks what a hosted one has; changes nothing.
 * It brings its own workers for pg_net and pg_cron.
 */
export async function checkExistingPostgres(url: string): Promise<void> {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new Error("--postgres-url takes postgresql://user:password@host:port/database.");
  }
  const where = `${new URL(url).host}${new URL(url).pathname}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect().catch((cause: Error) => {
    throw new Error(`Cannot connect to the Postgres at ${where}: ${cause.message}. Check --postgres-url.`, { cause });
  });
  try {
    const missing = [
      ...(await listMissing(client, "extension", EXTENSIONS, "select name from pg_available_extensions")),
      ...(await listMissing(client, "role", ROLES, "select rolname as name from pg_roles")),
      ...(await listMissing(client, "schema", ["auth", "extensions"], "select nspname as name from pg_namespace")),
    ];
    if (missing.length === 0) return;
    throw new Error(`The Postgres at ${where} lacks ${missing.join(", ")}. Use one that Supabase has set up.`);
  } finally {
    await client.end();
  }
}

async function listMissing(client: pg.Client, kind: string, wanted: string[], query: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(query);
  const found = new Set(rows.map((row) => row.name));
  return wanted.filter((name) => !found.has(name)).map((name) => `${kind} ${name}`);
}
