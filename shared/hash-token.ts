import { toHex } from "./hex.ts";

/** The hex SHA-256 of a token: all that is ever kept of one. */
export async function hashToken(token: string): Promise<string> {
  return toHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

/** A token of 32 random bytes for one agent. */
export function createAgentToken(): string {
  return `corral_agent_${toHex(crypto.getRandomValues(new Uint8Array(32)).buffer)}`;
}
