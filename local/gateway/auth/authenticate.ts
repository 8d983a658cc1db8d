import type { JWTPayload } from "jose";
import { z } from "zod";
import { bearerToken, type VerifyToken } from "../tokens.ts";
import { AuthError } from "./auth-error.ts";
import type { SessionStore } from "./session-store.ts";
import type { User } from "./user.ts";
import type { UserStore } from "./user-store.ts";

export interface SignedIn {
  user: User;
  sessionId: string;
}

const ADMIN_ROLES = new Set<unknown>(["service_role", "supabase_admin"]);
const uuid = z.guid();

/** Who calls, by the access token of a session that is still open. */
export async function requireUser(
  headers: Headers,
  verify: VerifyToken,
  users: UserStore,
  sessions: SessionStore,
): Promise<SignedIn> {
  const claims = await requireClaims(headers, verify);
  const userId = uuid.safeParse(claims.sub);
  const sessionId = uuid.safeParse(claims.session_id);
  if (!userId.success) throw new AuthError(403, "bad_jwt", "invalid claim: missing sub claim");
  const user = await users.find(userId.data);
  if (user === undefined) throw new AuthError(403, "user_not_found", "User from sub claim in JWT does not exist");
  if (!sessionId.success || !(await sessions.exists(sessionId.data))) {
    throw new AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist");
  }
  return { user, sessionId: sessionId.data };
}

/** Refuses everything but the service key. */
export async function requireAdmin(headers: Headers, verify: VerifyToken): Promise<void> {
  const claims = await requireClaims(headers, verify);
  if (!ADMIN_ROLES.has(claims.role)) throw new AuthError(403, "not_admin", "User not allowed");
}

async function requireClaims(headers: Headers, verify: VerifyToken): Promise<JWTPayload> {
  const token = bearerToken(headers);
  if (token === undefined) throw new AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token");
  try {
    return await verify(token);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AuthError(403, "bad_jwt", `invalid JWT: unable to parse or verify signature, ${reason}`);
  }
}
