import { answer, onlyRow } from "./answers.ts";
import { type Caller, callerArgs } from "./caller-args.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";

export interface Health {
  autoIngestion: boolean;
}

/** Whether ingestion is automatic; that it answers at all tells that Postgres does. */
export async function getHealth(db: Db): Promise<Health> {
  const row = await onlyRow(db.rpc("get_health"));
  return { autoIngestion: row.auto_ingestion };
}

export interface WaitLimits {
  defaultSeconds: number;
  ceilingSeconds: number;
}

/** How long a start waits for its dataset when the client says nothing, and at most. */
export async function getWaitLimits(db: Db): Promise<WaitLimits> {
  const row = await onlyRow(db.rpc("get_health"));
  return { defaultSeconds: row.dataset_wait_seconds, ceilingSeconds: row.dataset_wait_ceiling_seconds };
}

/** Switches automatic ingestion; on, projects that wait without a run get one, whether that changed anything or not. */
export async function setAutoIngestion(
  db: Db,
  on: boolean,
  caller: Caller,
): Promise<Database["corral"]["Enums"]["switch_outcome"]> {
  return answer(db.rpc("set_auto_ingestion", { p_on: on, ...callerArgs(caller) }));
}
