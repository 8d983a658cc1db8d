import type { Timing } from "../../shared/db/agents.ts";

/** What every reply says: the server's clock, and when to come back. */
export const toTiming = ({ serverTime, pollAfterSeconds }: Timing) => ({
  server_time: new Date(serverTime).toISOString(),
  poll_after_seconds: Math.round(pollAfterSeconds * 1000) / 1000,
});

/** The same where Postgres was not asked when to come back: whenever there is something to say. */
export const timingNow = () => toTiming({ serverTime: new Date().toISOString(), pollAfterSeconds: 0 });
