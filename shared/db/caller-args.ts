/** Who calls, as SQL functions want to know it; neither a user nor an admin is a caller without a token. */
export interface Caller {
  userId: string | null;
  isAdmin: boolean;
}

export const callerArgs = ({ userId, isAdmin }: Caller) => ({ p_user: userId ?? undefined, p_admin: isAdmin });
