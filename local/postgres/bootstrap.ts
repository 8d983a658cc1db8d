import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { OWNER_PASSWORD } from "./postgres-urls.ts";
import type { Secrets } from "./secrets.ts";

/** What a hosted Supabase database holds before migrations, in order. */
export const bootstrapFiles = ["bootstrap.sql", "bootstrap-auth.sql"].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);

/** Fills a new cluster's database, as its superuser. */
export async function bootstrapDatabase(adminUrl: string, secrets: Secrets): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    for (const file of bootstrapFiles) await client.query(await readFile(file, "utf8"));
    await client.query(`alter role postgres password ${client.escapeLiteral(OWNER_PASSWORD)}`);
    await client.query(`alter role authenticator password ${client.escapeLiteral(secrets.authenticatorPassword)}`);
  } finally {
    await client.end();
  }
}
