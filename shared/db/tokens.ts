import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";
import type { NullableRow } from "./nullable-row.ts";

export type TokenType = Database["corral"]["Enums"]["token_type"];

export interface TokenOptions {
  swarm: string | null;
  agent: string | null;
  name: string | null;
  /** ISO 8601. */
  expires_at: string | null;
  /** What differs from everybody's limits. */
  limits: Record<string, number>;
}

export type TokenRow = NullableRow<"list_tokens", "token_id" | "type" | "swarm" | "created_at" | "limits">;

/** Keeps a token by its hex SHA-256. */
export async function createToken(
  db: Db,
  call: number,
  { type, hash }: { type: TokenType; hash: string },
  options: TokenOptions,
): Promise<TokenRow> {
  return onlyRow(db.rpc("create_token", { p_call: call, p_type: type, p_hash: hash, p_options: { ...options } }));
}

/** The newest thousand, newest first. */
export async function listTokens(db: Db, call: number): Promise<TokenRow[]> {
  return answer(db.rpc("list_tokens", { p_call: call }));
}

/** Ends a token at once. */
export async function revokeToken(db: Db, call: number, token: number): Promise<TokenRow> {
  return onlyRow(db.rpc("revoke_token", { p_call: call, p_token: token }));
}
