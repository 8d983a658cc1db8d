import { setTimeout as sleep } from "node:timers/promises";
import { CorralError } from "../shared/errors.ts";

const WAITS_MS = [200, 1000, 3000];

/**
 * Repeats a call to Postgres that got no answer: a failover takes seconds, and work of hours should survive it. Only for
 * calls that may be made twice. What SQL itself refuses is thrown at once.
 */
export async function persist<T>(call: () => Promise<T>): Promise<T> {
  for (const wait of WAITS_MS) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof CorralError && error.code !== "database_unavailable") throw error;
    }
    await sleep(wait);
  }
  return call();
}
