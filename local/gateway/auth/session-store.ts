import { randomBytes } from "node:crypto";
import type { Pool } from "pg";
import { z } from "zod";

/** A session with the refresh token that is good for one more use. */
export interface Session {
  id: string;
  userId: string;
  refreshToken: string;
  /** When the password was given. */
  signedInAt: Date;
}

export type Rotation =
  | { outcome: "rotated"; session: Session }
  | { outcome: "not_found" }
  | { outcome: "already_used" };

/** Which of a user's sessions a logout ends, seen from the one that asks. */
export const logoutScope = z.enum(["global", "local", "others"]);

const sessionRow = z
  .object({ id: z.string(), user_id: z.string(), token: z.string(), created_at: z.date() })
  .transform(
    (row): Session => ({ id: row.id, userId: row.user_id, refreshToken: row.token, signedInAt: row.created_at }),
  );

/** `auth.sessions` and `auth.refresh_tokens`. */
export class SessionStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async open(userId: string): Promise<Session> {
    const { rows } = await this.#pool.query(OPEN_SQL, [userId, newToken()]);
    return sessionRow.parse(rows[0]);
  }

  async exists(id: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query("select from auth.sessions where id = $1", [id]);
    return rowCount === 1;
  }

  /**
   * Trades a refresh token for the next. One that was used within the last seconds, by a second tab or after a lost
   * reply, gets the session's current token; an older one was stolen, and ends the session.
   */
  async rotate(refreshToken: string): Promise<Rotation> {
    const client = await this.#pool.connect();
    try {
      await client.query("begin");
      const locked = await client.query(LOCK_SQL, [refreshToken]);
      const next = await client.query(NEXT_SQL, [refreshToken, newToken()]);
      if (next.rowCount === 0) await client.query(REVOKE_FAMILY_SQL, [refreshToken]);
      await client.query("commit");
      if (next.rowCount !== 0) return { outcome: "rotated", session: sessionRow.parse(next.rows[0]) };
      return { outcome: locked.rowCount === 0 ? "not_found" : "already_used" };
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  }

  async close(userId: string, sessionId: string, scope: z.infer<typeof logoutScope>): Promise<void> {
    await this.#pool.query(CLOSE_SQL, [userId, sessionId, scope]);
  }
}

function newToken(): string {
  return randomBytes(16).toString("base64url");
}

const REUSE_SECONDS = 10;

const OPEN_SQL = `
with opened as (
  insert into auth.sessions (id, user_id, created_at, updated_at) values (gen_random_uuid(), $1, now(), now())
  returning id, user_id, created_at
), seen as (
  update auth.users set last_sign_in_at = now(), updated_at = now() where id = $1
), issued as (
  insert into auth.refresh_tokens (token, user_id, revoked, created_at, updated_at, session_id)
  select $2, user_id, false, now(), now(), id from opened
  returning token
)
select opened.id, opened.user_id, issued.token, opened.created_at from opened, issued`;

// Of two uses of one token at once, the second waits here and then sees what the first did.
const LOCK_SQL = `
select from auth.sessions s join auth.refresh_tokens t on t.session_id = s.id where t.token = $1 for update of s`;

const NEXT_SQL = `
with used as (
  update auth.refresh_tokens set revoked = true, updated_at = now() where token = $1 and not revoked
  returning session_id, user_id, token
), issued as (
  insert into auth.refresh_tokens (token, user_id, revoked, created_at, updated_at, session_id, parent)
  select $2, user_id, false, now(), now(), session_id, token from used
  returning token, session_id
), refreshed as (
  update auth.sessions set refreshed_at = now(), updated_at = now() where id = (select session_id from issued)
), reused as (
  select t.token, t.session_id
  from auth.refresh_tokens asked join auth.refresh_tokens t on t.session_id = asked.session_id and not t.revoked
  where asked.token = $1 and asked.revoked and asked.updated_at > now() - interval '${REUSE_SECONDS} seconds'
)
select s.id, s.user_id, good.token, s.created_at
from (table issued union all table reused) as good join auth.sessions s on s.id = good.session_id`;

const REVOKE_FAMILY_SQL = `
update auth.refresh_tokens set revoked = true
where session_id = (select session_id from auth.refresh_tokens where token = $1)`;

const CLOSE_SQL = `
delete from auth.sessions
where user_id = $1
  and case $3::text when 'global' then true when 'local' then id = $2::uuid else id <> $2::uuid end`;
