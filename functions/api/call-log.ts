import { batchCalls } from "../../shared/batch-calls.ts";
import { type FinishedCall, finishCalls } from "../../shared/db/calls.ts";
import type { Db } from "../../shared/db/connect-db.ts";
import { CorralError } from "../../shared/errors.ts";

const MAX_CALLS = 500;
/** Beyond this, one more statement goes beside the one that hangs. */
const MAX_IN_FLIGHT = 2;
const PATIENCE_MS = 1000;
/** Before each further attempt, while the database is away. */
const PAUSES_MS = [200, 1000, 5000, 15_000];

/** Notes how a call ended, after its reply. */
export type CallLog = (call: FinishedCall) => void;

/**
 * Gathers the ends of calls into few statements, and waits a while for a database that is away. An end that cannot be
 * noted keeps no other from it and is told to the function's log: the record of the call's beginning is there, and
 * shows that its end is missing.
 */
export function createCallLog(
  db: Db,
  waitUntil: (work: Promise<unknown>) => void,
  { pausesMs = PAUSES_MS }: { pausesMs?: number[] } = {},
): CallLog {
  const finish = batchCalls<FinishedCall, void>({
    send: async (calls) => {
      await persist(() => finishCalls(db, calls), pausesMs);
      return calls.map(() => undefined);
    },
    orderBy: ({ call }) => String(call),
    isShared: isUnavailable,
    maxCalls: MAX_CALLS,
    maxInFlight: MAX_IN_FLIGHT,
    patienceMs: PATIENCE_MS,
  });
  return (call) =>
    waitUntil(
      finish(call).catch((error: unknown) => console.error(`the end of call ${call.call} was not recorded:`, error)),
    );
}

const isUnavailable = (error: unknown) => error instanceof CorralError && error.code === "database_unavailable";

/** Tries again, as often as there are pauses, while the database is away. */
async function persist(attempt: () => Promise<void>, [pauseMs, ...pausesMs]: number[]): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    if (pauseMs === undefined || !isUnavailable(error)) throw error;
    await new Promise((resume) => setTimeout(resume, pauseMs));
    await persist(attempt, pausesMs);
  }
}
