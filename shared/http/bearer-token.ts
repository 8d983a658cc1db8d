import { CorralError } from "../errors.ts";

/** Supabase's newer kind of anon key; clients send it as if it were a token. */
const PUBLISHABLE = "sb_publishable_";

/**
 * The token of an `Authorization` header. Undefined when there is none, and for the project's anonymous key, which says
 * nothing about who calls; what is no bearer token is refused with 401.
 */
export function readBearerToken(authorization: string | undefined, anonKey: string): string | undefined {
  if (authorization === undefined) return undefined;
  const token = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw new CorralError("invalid_token");
  return token === anonKey || token.startsWith(PUBLISHABLE) ? undefined : token;
}
