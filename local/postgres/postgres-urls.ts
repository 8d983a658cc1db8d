import { LOOPBACK } from "../listen.ts";

/** The bootstrap superuser; hosted projects have one of that name. */
export const ADMIN_ROLE = "supabase_admin";
/** Owns the migrations; known to everybody on this machine, like the one of the Supabase CLI's own stack. */
export const OWNER_PASSWORD = "postgres";
export const DATABASE = "postgres";

export function postgresUrl(role: string, password: string, port: number, database = DATABASE): string {
  return `postgresql://${role}:${encodeURIComponent(password)}@${LOOPBACK}:${port}/${database}`;
}

/** The same server and role, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
