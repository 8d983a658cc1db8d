import type { AuthUser } from "../../shared/cloud/supabase-auth.ts";

/** A user as clients see him; the role is the one that he gave himself. */
export function toUserReply({ id, email, created_at, user_metadata }: AuthUser) {
  const { role } = user_metadata;
  return { id, email, role: typeof role === "string" ? role : "user", created_at };
}
