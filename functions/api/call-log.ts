import { batchCalls } from "../../shared/batch-calls.ts";
import { type FinishedCall, finishCalls } from "../../shared/db/calls.ts";
import type { Db } from "../../shared/db/connect-db.ts";

const MAX_CALLS = 500;
/** Beyond this, one more statement goes beside the one that hangs. */
const MAX_IN_FLIGHT = 2;
const PATIENCE_MS = 1000;

/** Notes how a call ended, after its reply. */
export type CallLog = (call: FinishedCall) => void;

/**
 * Gathers the ends of calls into few statements. One that cannot be noted is told to the function's log: the record of
 * its beginning is there, and shows that its end is missing.
 */
export function createCallLog(db: Db, waitUntil: (work: Promise<unknown>) => void): CallLog {
  const finish = batchCalls<FinishedCall, void>({
    send: async (calls) => {
      await finishCalls(db, calls);
      return calls.map(() => undefined);
    },
    orderBy: ({ call }) => String(call),
    isShared: () => true,
    maxCalls: MAX_CALLS,
    maxInFlight: MAX_IN_FLIGHT,
    patienceMs: PATIENCE_MS,
  });
  return (call) =>
    waitUntil(
      finish(call).catch((error: unknown) => console.error(`the end of call ${call.call} was not recorded:`, error)),
    );
}
