import type { CloudInfo } from "../cloud.ts";
import { runSnowflake } from "../run-snowflake.ts";

/** Adds so many rows to BIRDSTRIKES in Snowflake, dated after all others, as somebody else's pipeline would. */
export async function addBirdstrikes(
  info: Pick<CloudInfo, "snowflake_url" | "snowflake">,
  count: number,
): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => [
    "SEATTLE-TACOMA INTL",
    "B-737-800",
    `2003-01-${String((index % 28) + 1).padStart(2, "0")}`,
    "Washington",
    "Barn swallow",
  ]);
  await runSnowflake(
    info,
    `INSERT INTO BIRDSTRIKES (AIRPORT_NAME, AIRCRAFT_MAKE_MODEL, FLIGHT_DATE, ORIGIN_STATE, WILDLIFE_SPECIES)
     VALUES ${rows.map(() => "(?, ?, ?, ?, ?)").join(", ")}`,
    rows.flat(),
  );
}
