import { z } from "zod";
import type { SnowflakeSession } from "../snowflake/connect-snowflake.ts";
import { historySql } from "../snowflake/sql.ts";

/** What a sync has cost on Snowflake's side; null where it does not say. */
export interface Costs {
  bytesScanned: number | null;
  /** Without those of the warehouse, which Snowflake counts by the hour and not by the statement. */
  creditsCloudServices: number | null;
}

const figure = z.coerce.number().nullable();
const costRow = z.object({ BYTES_SCANNED: figure, CREDITS_CLOUD_SERVICES: figure });

/** Reads the costs from the history, which not every role may see and which may lag: a sync does not fail for it. */
export async function readCosts(
  session: SnowflakeSession,
  database: string,
  tag: string,
  signal: AbortSignal,
): Promise<Costs> {
  try {
    const [row] = await session.rows(historySql(database, tag), costRow, "tell what the sync has cost");
    return { bytesScanned: row?.BYTES_SCANNED ?? null, creditsCloudServices: row?.CREDITS_CLOUD_SERVICES ?? null };
  } catch {
    signal.throwIfAborted();
    return { bytesScanned: null, creditsCloudServices: null };
  }
}
