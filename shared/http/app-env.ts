import type { Caller } from "../db/caller-args.ts";

/** What the middleware of every function leaves for its handlers. */
export interface AppEnv {
  Variables: { requestId: string };
}

/** The same, behind `identifyCaller`. */
export interface CallerEnv {
  Variables: AppEnv["Variables"] & { caller: Caller };
}
