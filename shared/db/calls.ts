import { answer, onlyRow } from "./answers.ts";
import type { Caller } from "./caller-args.ts";
import type { Db } from "./connect-db.ts";
import type { NullableRow } from "./nullable-row.ts";

/** A call of the data API as it arrives; tokens as their hex SHA-256. */
export interface ArrivingCall extends Caller {
  swarmToken: string | null;
  agentToken: string | null;
  method: string;
  path: string;
  requestId: string;
  isAdminOnly: boolean;
  /** Whether it is for everybody, known or not. */
  isPublic: boolean;
}

export type AdmittedCall = { callId: number } & (
  | { outcome: "admitted"; isAdmin: boolean; swarm: string | null; agent: string | null }
  | { outcome: "unauthorized" | "forbidden" }
  | { outcome: "rate_limited"; retryAfterSeconds: number }
);

/** Puts a call on record, and tells whether it may go on; one that may not is on record too. */
export async function admitCall(db: Db, call: ArrivingCall): Promise<AdmittedCall> {
  const row: NullableRow<"admit_call", "outcome" | "call_id" | "is_admin"> = await onlyRow(
    db.rpc("admit_call", {
      p_swarm_token: call.swarmToken ?? undefined,
      p_agent_token: call.agentToken ?? undefined,
      p_user: call.userId ?? undefined,
      p_admin: call.isAdmin,
      p_method: call.method,
      p_path: call.path,
      p_request_id: call.requestId,
      p_admin_only: call.isAdminOnly,
      p_public: call.isPublic,
    }),
  );
  const { outcome, call_id: callId, swarm, agent } = row;
  switch (outcome) {
    case "admitted":
      return { outcome, callId, isAdmin: row.is_admin, swarm, agent };
    case "rate_limited":
      return { outcome, callId, retryAfterSeconds: row.retry_after_seconds ?? 1 };
    default:
      return { outcome, callId };
  }
}

/** Adds to the record of a call to what is public who made it, as far as he said so. */
export async function notePublicCall(db: Db, call: number, who: { email: string; user_id?: string }): Promise<void> {
  await answer(db.rpc("note_public_call", { p_call: call, p_details: { ...who } }));
}

/** How a call ended. */
export interface FinishedCall {
  call: number;
  status: number;
  error_code: string | null;
  /** Null where it did not answer with rows. */
  rows: number | null;
  bytes: number;
  milliseconds: number;
}

/** Puts on record how calls ended, all as one statement. */
export async function finishCalls(db: Db, calls: FinishedCall[]): Promise<void> {
  await answer(db.rpc("finish_calls", { p_calls: calls.map((call) => ({ ...call })) }));
}
