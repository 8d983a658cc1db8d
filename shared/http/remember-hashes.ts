import { hashToken } from "../hash-token.ts";

/** A fleet says the same tokens again and again, and in Deno a hash costs more than most of a request. */
const KEPT_HASHES = 10_000;
/** Nobody fills memory with tokens that are none. */
const KEPT_LENGTH = 128;

/** The hex SHA-256 of a token, as `hashToken` has it; those of before are at hand. */
export function rememberHashes(): (token: string) => string | Promise<string> {
  const hashes = new Map<string, string>();
  return (token) => hashes.get(token) ?? hashAndKeep(token);

  async function hashAndKeep(token: string): Promise<string> {
    const hash = await hashToken(token);
    if (token.length > KEPT_LENGTH) return hash;
    hashes.set(token, hash);
    const [oldest] = hashes.keys();
    if (hashes.size > KEPT_HASHES && oldest !== undefined) hashes.delete(oldest);
    return hash;
  }
}
