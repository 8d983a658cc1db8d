import { onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";
import { outcomesInOrder } from "./outcomes-in-order.ts";

type Enums = Database["corral"]["Enums"];
export type AgentStatus = Enums["agent_status"];

/** Who speaks: the agent's id, and the hex SHA-256 of the token that came along, if one did. */
export type Speaker = { agent: string; token: string | null };
/** A task that an agent names; without an attempt it means the one that it was handed last. */
export type NamedTask = { task: number; attempt: number | null };
/** When the server spoke, and when the agent should come back, in seconds. */
export type Timing = { serverTime: string; pollAfterSeconds: number };

export const toTiming = (row: { server_time: string; poll_after_seconds: number }): Timing => ({
  serverTime: row.server_time,
  pollAfterSeconds: row.poll_after_seconds,
});

export interface Registration {
  email: string;
  gpuModel: string | null;
  /** As the agent says it. */
  ramTotal: string | null;
  ramGb: number | null;
  tags: string[] | null;
  heartbeatIntervalSeconds: number | null;
  /** The hash of a token that nobody knows yet: the agent's own from now on, if one is issued. */
  newToken: string;
}

export type Registered = { outcome: Enums["register_outcome"]; tokenIssued: boolean } & Timing;

/** Makes an agent known, or takes it back. */
export async function registerAgent(
  db: Db,
  { agent, token }: Speaker,
  registration: Registration,
): Promise<Registered> {
  const row = await onlyRow(
    db.rpc("register_agent", {
      p_agent: agent,
      p_email: registration.email,
      p_gpu_model: registration.gpuModel ?? undefined,
      p_ram_total: registration.ramTotal ?? undefined,
      p_ram_gb: registration.ramGb ?? undefined,
      p_tags: registration.tags ?? undefined,
      p_heartbeat_interval_seconds: registration.heartbeatIntervalSeconds ?? undefined,
      p_token: token ?? undefined,
      p_new_token: registration.newToken,
    }),
  );
  return { outcome: row.outcome, tokenIssued: row.token_issued, ...toTiming(row) };
}

export type HeartbeatCall = Speaker & { status: AgentStatus; tasks: NamedTask[] | null };
/** `stop`: of the tasks that the agent named, those that are no longer its own. */
export type Heartbeat = { outcome: Enums["heartbeat_outcome"]; stop: number[] } & Timing;

/** Notes that agents are alive, and tells each which of its tasks it may stop; one outcome per call, in order. */
export async function recordHeartbeats(db: Db, calls: HeartbeatCall[]): Promise<Heartbeat[]> {
  const rows = await outcomesInOrder(calls, (p_calls) => db.rpc("record_heartbeats", { p_calls }));
  return rows.map((row) => ({ outcome: row.outcome, stop: toStopped(row.stop), ...toTiming(row) }));
}

export const toStopped = (stop: number[] | null): number[] => stop ?? [];

export interface Deregistered {
  outcome: Enums["deregister_outcome"];
  tasksReturned: number;
}

/** Removes an agent and hands its tasks to others. */
export async function deregisterAgent(db: Db, { agent, token }: Speaker): Promise<Deregistered> {
  const row = await onlyRow(db.rpc("deregister_agent", { p_agent: agent, p_token: token ?? undefined }));
  return { outcome: row.outcome, tasksReturned: row.tasks_returned };
}
