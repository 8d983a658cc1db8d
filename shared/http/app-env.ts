import type { Caller } from "../db/caller-args.ts";
import type { ErrorCode } from "../errors.ts";

/** What the middleware of every function leaves for its handlers. */
export interface AppEnv {
  Variables: {
    requestId: string;
    /** Of a reply that is a refusal, once there is one. */
    errorCode?: ErrorCode;
  };
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

/** One call of the data API, which is on record, and whose it is. */
export interface Call {
  id: number;
  isAdmin: boolean;
  /** Null for admins who come with no agent's tokens. */
  swarm: string | null;
  agent: string | null;
}

/** The same, behind `recordCalls`. */
export interface DataEnv {
  Variables: AppEnv["Variables"] & {
    call: Call;
    /** How many rows the reply holds, for the record. */
    rows?: number;
  };
}
