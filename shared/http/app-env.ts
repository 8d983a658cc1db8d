import type { Caller } from "../db/caller-args.ts";

/** What the middleware of every function leaves for its handlers. */
export interface AppEnv {
  Variables: { requestId: string };
}

/** The same, behind `identifyCaller`. */
export interface CallerEnv {
  Variables: AppEnv["Variables"] & { caller: Caller };
}

/** The same, behind `identifyAgent`. */
export interface AgentEnv {
  Variables: AppEnv["Variables"] & {
    /** The hex SHA-256 of the token that came along; null when none did. */
    tokenHash: string | null;
  };
}
