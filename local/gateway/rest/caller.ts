import { errors, type JWTPayload } from "jose";
import { bearerToken, type VerifyToken } from "../tokens.ts";
import { RestError } from "./rest-error.ts";

/** Who asks: the role to act as and the claims that policies read. */
export interface Caller {
  role: string;
  claims: JWTPayload;
  isAnonymous: boolean;
}

const ANONYMOUS_ROLE = "anon";

/** Identifies the bearer of a token, or of the API key where there is none. */
export async function identifyCaller(headers: Headers, verify: VerifyToken): Promise<Caller> {
  const token = bearerToken(headers) ?? headers.get("apikey") ?? undefined;
  if (token === undefined) return { role: ANONYMOUS_ROLE, claims: { role: ANONYMOUS_ROLE }, isAnonymous: true };
  const claims = await verify(token).catch((error: unknown) => {
    throw refusal(error);
  });
  const role = typeof claims.role === "string" ? claims.role : ANONYMOUS_ROLE;
  return { role, claims: { ...claims, role }, isAnonymous: role === ANONYMOUS_ROLE };
}

function refusal(error: unknown): RestError {
  const [code, message] = describe(error);
  const challenge = `Bearer error="invalid_token", error_description="${message}"`;
  return new RestError(401, { code, message }, { "WWW-Authenticate": challenge });
}

function describe(error: unknown): [code: string, message: string] {
  if (error instanceof errors.JWTExpired) return ["PGRST303", "JWT expired"];
  if (error instanceof errors.JWTClaimValidationFailed) return ["PGRST303", "JWT not yet valid"];
  if (error instanceof errors.JWSSignatureVerificationFailed) return ["PGRST301", "JWSError JWSInvalidSignature"];
  if (error instanceof errors.JWKSNoMatchingKey) return ["PGRST301", "No suitable key or wrong key type"];
  return ["PGRST301", "JWSError (CompactDecodeError Invalid number of parts)"];
}
