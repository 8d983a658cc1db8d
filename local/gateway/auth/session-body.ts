import type { Keys } from "../../keys.ts";
import type { Session } from "./session-store.ts";
import { toUserBody, type User } from "./user.ts";

/** The hosted default: access tokens are good for an hour. */
const EXPIRES_IN_SECONDS = 3600;

/** A session as GoTrue hands one out, with a freshly signed access token. */
export async function toSessionBody(session: Session, user: User, keys: Pick<Keys, "sign">, issuerUrl: string) {
  const now = Math.floor(Date.now() / 1000);
  const expiresAt = now + EXPIRES_IN_SECONDS;
  const accessToken = await keys.sign({
    iss: issuerUrl,
    sub: user.id,
    aud: user.aud ?? "authenticated",
    exp: expiresAt,
    iat: now,
    email: user.email ?? "",
    phone: user.phone ?? "",
    app_metadata: user.raw_app_meta_data,
    user_metadata: user.raw_user_meta_data,
    role: user.role ?? "authenticated",
    aal: "aal1",
    amr: [{ method: "password", timestamp: Math.floor(session.signedInAt.getTime() / 1000) }],
    session_id: session.id,
    is_anonymous: user.is_anonymous,
  });
  return {
    access_token: accessToken,
    token_type: "bearer",
    expires_in: EXPIRES_IN_SECONDS,
    expires_at: expiresAt,
    refresh_token: session.refreshToken,
    user: toUserBody(user),
  };
}
