import type { z } from "zod";
import { type createTokenReply, type createTokenRequest, tokenLimits } from "../../shared/contract/tokens.ts";
import type { TokenOptions, TokenRow } from "../../shared/db/tokens.ts";

const DAY_MS = 24 * 3600 * 1000;

/** What a client wants of a token, as SQL reads it. */
export function toTokenOptions(wishes: z.output<typeof createTokenRequest>): TokenOptions {
  const { swarm = null, agent = null, name = null, expires_at = null, expiry_days, limits } = wishes;
  const inDays = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();
  const given = Object.entries(limits ?? {}).filter((limit): limit is [string, number] => typeof limit[1] === "number");
  return {
    swarm,
    agent,
    name,
    expires_at: typeof expiry_days === "number" ? inDays(expiry_days) : expires_at,
    limits: Object.fromEntries(given),
  };
}

/** A token as admins see it, but for itself. */
export function toTokenReply(row: TokenRow): Omit<z.infer<typeof createTokenReply>, "token"> {
  return {
    token_id: row.token_id,
    type: row.type,
    swarm: row.swarm,
    agent: row.agent,
    name: row.name,
    created_at: row.created_at,
    expires_at: row.expires_at,
    limits: tokenLimits.parse(row.limits),
  };
}
