import { type BatchOptions, batchCalls } from "../../shared/batch-calls.ts";
import { recordHeartbeats, type Speaker } from "../../shared/db/agents.ts";
import type { Db } from "../../shared/db/connect-db.ts";
import { completeTasks, cycleAgents, requestTasks } from "../../shared/db/tasks.ts";
import { CorralError } from "../../shared/errors.ts";

const MAX_CALLS = 200;
const MAX_IN_FLIGHT = 2;
/** Several times what a statement takes. */
const PATIENCE_MS = 100;

/** The calls of idle and busy fleets, each gathered into statements of its kind. */
export function createHotCalls(db: Db) {
  return {
    recordHeartbeat: batchByAgent((calls: Parameters<typeof recordHeartbeats>[1]) => recordHeartbeats(db, calls)),
    requestTask: batchByAgent((calls: Parameters<typeof requestTasks>[1]) => requestTasks(db, calls)),
    completeTask: batchByAgent((calls: Parameters<typeof completeTasks>[1]) => completeTasks(db, calls)),
    cycle: batchByAgent((calls: Parameters<typeof cycleAgents>[1]) => cycleAgents(db, calls)),
  };
}

export type HotCalls = ReturnType<typeof createHotCalls>;

function batchByAgent<Call extends Speaker, Outcome>(send: BatchOptions<Call, Outcome>["send"]) {
  return batchCalls({
    send,
    orderBy: ({ agent }) => agent,
    isShared: (error) => error instanceof CorralError && error.code === "database_unavailable",
    maxCalls: MAX_CALLS,
    maxInFlight: MAX_IN_FLIGHT,
    patienceMs: PATIENCE_MS,
  });
}
