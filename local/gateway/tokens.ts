import { createLocalJWKSet, type JWK, type JWTPayload, jwtVerify } from "jose";

/** Resolves to the claims of a token that is ours and in force; rejects with jose's error otherwise. */
export type VerifyToken = (token: string) => Promise<JWTPayload>;

const REMEMBERED_TOKENS = 1000;

/**
 * Makes the verifier of ES256 tokens that every part of the gateway shares.
 * A token that was proven once is remembered until it expires: a signature check costs more than most requests.
 */
export function createTokenVerifier(jwks: { keys: JWK[] }): VerifyToken {
  const keySet = createLocalJWKSet(jwks);
  const proven = new Map<string, JWTPayload>();

  return async (token) => {
    const known = proven.get(token);
    if (known !== undefined && !isExpired(known)) return known;
    proven.delete(token);
    const { payload } = await jwtVerify(token, keySet, { algorithms: ["ES256"] });
    if (proven.size >= REMEMBERED_TOKENS) proven.clear();
    proven.set(token, payload);
    return payload;
  };
}

function isExpired(claims: JWTPayload): boolean {
  return claims.exp !== undefined && claims.exp * 1000 <= Date.now();
}

/** The token of an `Authorization: Bearer …` header, if it carries one. */
export function bearerToken(headers: Headers): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
}
