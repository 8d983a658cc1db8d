import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const secretsSchema = z.object({
  /** Of the superuser `supabase_admin`. */
  adminPassword: z.string(),
  /** Of `authenticator`, as whom the gateway connects. */
  authenticatorPassword: z.string(),
});

export type Secrets = z.infer<typeof secretsSchema>;

/** Reads the passwords of a home, making them on first use. */
export async function loadSecrets(home: string): Promise<Secrets> {
  const file = join(home, "secrets.json");
  const stored = await readFile(file, "utf8").catch(() => undefined);
  if (stored !== undefined) return secretsSchema.parse(JSON.parse(stored));
  const password = () => randomBytes(18).toString("base64url");
  const secrets = { adminPassword: password(), authenticatorPassword: password() };
  await writeFile(file, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  return secrets;
}
