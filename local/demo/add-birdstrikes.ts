import { promisify } from "node:util";
import snowflake from "snowflake-sdk";
import type { CloudInfo } from "../cloud.ts";

/** Adds so many rows to BIRDSTRIKES in Snowflake, dated after all others, as somebody else's pipeline would. */
export async function addBirdstrikes(
  { snowflake_url, snowflake: login }: Pick<CloudInfo, "snowflake_url" | "snowflake">,
  count: number,
): Promise<void> {
  snowflake.configure({ logLevel: "OFF", additionalLogToConsole: false });
  const connection = snowflake.createConnection({
    accessUrl: snowflake_url,
    account: login.account,
    username: login.user,
    password: login.password,
    database: login.database,
    schema: "PUBLIC",
  });
  await promisify(connection.connect).call(connection);
  await new Promise<void>((resolve, reject) => {
    connection.execute({
      sqlText: `INSERT INTO BIRDSTRIKES (AIRPORT_NAME, AIRCRAFT_MAKE_MODEL, FLIGHT_DATE, ORIGIN_STATE, WILDLIFE_SPECIES)
        VALUES ${Array.from({ length: count }, () => "(?, ?, ?, ?, ?)").join(", ")}`,
      binds: Array.from({ length: count }, (_, index) => [
        "SEATTLE-TACOMA INTL",
        "B-737-800",
        `2003-01-${String((index % 28) + 1).padStart(2, "0")}`,
        "Washington",
        "Barn swallow",
      ]).flat(),
      complete: (error) => (error === undefined || error === null ? resolve() : reject(error)),
    });
  });
  await promisify(connection.destroy).call(connection);
}
