import { toHex } from "./hex.ts";

/** The hex SHA-256 of a token: all that is ever kept of one. */
export async function hashToken(token: string): Promise<string> {
  return toHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

/** A token of 32 random bytes for one agent. */
export const createAgentToken = () => `corral_agent_${randomHex()}`;

/** A token of 32 random bytes that lets agents into a swarm. */
export const createSwarmToken = () => `corral_swarm_${randomHex()}`;

const randomHex = () => toHex(crypto.getRandomValues(new Uint8Array(32)).buffer);
