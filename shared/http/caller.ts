import { z } from "zod";
import type { Caller } from "../db/caller-args.ts";
import { CorralError } from "../errors.ts";
import { readBearerToken } from "./bearer-token.ts";

export type ReadCaller = (authorization: string | undefined) => Promise<Caller>;

const ALGORITHMS = ["ES256", "RS256"];
/** What is wrong with a token itself; that its keys could not be fetched is no fault of the caller's. */
const TOKEN_FAULTS = new Set([
  "ERR_JOSE_ALG_NOT_ALLOWED",
  "ERR_JOSE_NOT_SUPPORTED",
  "ERR_JWKS_NO_MATCHING_KEY",
  "ERR_JWS_INVALID",
  "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
  "ERR_JWT_CLAIM_VALIDATION_FAILED",
  "ERR_JWT_EXPIRED",
  "ERR_JWT_INVALID",
]);

const ANONYMOUS: Caller = { userId: null, isAdmin: false };

/** The claims of a Supabase token that matter here. */
const claimsSchema = z.discriminatedUnion("role", [
  z.object({ role: z.literal("anon") }),
  z.object({ role: z.literal("service_role") }),
  z.object({
    role: z.literal("authenticated"),
    sub: z.guid(),
    app_metadata: z.object({ corral_role: z.string().optional() }).default({}),
  }),
]);

export interface CallerOptions {
  supabaseUrl: string;
  anonKey: string;
  serviceRoleKey: string;
}

/**
 * Reads the caller from an `Authorization` header. API keys are compared as they are, since the newer ones are no
 * tokens; user tokens are verified against the project's published keys. What cannot be verified is refused with 401.
 */
export function createCallerReader(options: CallerOptions): ReadCaller {
  const verify = tokenVerifier(new URL("/auth/v1/.well-known/jwks.json", options.supabaseUrl));
  return async (authorization) => {
    const token = readBearerToken(authorization, options.anonKey);
    if (token === undefined) return ANONYMOUS;
    if (token === options.serviceRoleKey) return { userId: null, isAdmin: true };
    const claims = claimsSchema.safeParse(await verify(token));
    if (!claims.success) throw invalidToken(claims.error);
    switch (claims.data.role) {
      case "anon":
        return ANONYMOUS;
      case "service_role":
        return { userId: null, isAdmin: true };
      case "authenticated":
        return { userId: claims.data.sub, isAdmin: claims.data.app_metadata.corral_role === "admin" };
    }
  };
}

/** Loads jose with the first token that needs it; the keys are fetched once and again when an unknown one signs. */
function tokenVerifier(jwksUrl: URL): (token: string) => Promise<unknown> {
  let loaded: Promise<{ jose: typeof import("jose"); keys: import("jose").JWTVerifyGetKey }> | undefined;
  const load = async () => {
    const jose = await import("jose");
    return { jose, keys: jose.createRemoteJWKSet(jwksUrl) };
  };
  return async (token) => {
    loaded ??= load();
    const { jose, keys } = await loaded;
    try {
      const { payload } = await jose.jwtVerify(token, keys, { algorithms: ALGORITHMS, requiredClaims: ["exp"] });
      return payload;
    } catch (error) {
      if (error instanceof jose.errors.JOSEError && TOKEN_FAULTS.has(error.code)) throw invalidToken(error);
      throw error;
    }
  };
}

const invalidToken = (cause?: unknown) => new CorralError("invalid_token", undefined, { cause });
