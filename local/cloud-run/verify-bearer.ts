import { createPublicKey } from "node:crypto";
import { jwtVerify } from "jose";
import type { ServiceAccount } from "../keys.ts";
import { ApiError } from "./api-error.ts";

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const AUDIENCE = "https://run.googleapis.com/";
const LONGEST_LIFE = "1 hour";

/**
 * Makes a check of the `Authorization` header: the self-signed token that Google's libraries make from a service
 * account's key file, RS256, with either the cloud-platform scope or the service as its audience.
 * https://google.aip.dev/auth/4111
 */
export function bearerVerifier(account: ServiceAccount): (authorization: string | undefined) => Promise<void> {
  const publicKey = createPublicKey(account.private_key);
  return async (authorization) => {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw unauthenticated();
    const { payload, protectedHeader } = await jwtVerify(token, publicKey, {
      algorithms: ["RS256"],
      issuer: account.client_email,
      subject: account.client_email,
      maxTokenAge: LONGEST_LIFE,
      clockTolerance: 60,
    }).catch(() => {
      throw unauthenticated();
    });
    const scopes = typeof payload.scope === "string" ? payload.scope.split(" ") : [];
    if (protectedHeader.kid !== account.private_key_id || !(scopes.includes(SCOPE) || payload.aud === AUDIENCE)) {
      throw unauthenticated();
    }
  };
}

function unauthenticated(): ApiError {
  return new ApiError(
    "UNAUTHENTICATED",
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
  );
}
