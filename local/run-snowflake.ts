import { promisify } from "node:util";
import snowflake, { type Binds } from "snowflake-sdk";
import type { CloudInfo } from "./cloud.ts";

/** Runs one statement in the local Snowflake, in CORRAL.PUBLIC, with the official driver. */
export async function runSnowflake(
  { snowflake_url, snowflake: login }: Pick<CloudInfo, "snowflake_url" | "snowflake">,
  sqlText: string,
  binds: Binds = [],
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
  try {
    await new Promise<void>((resolve, reject) => {
      connection.execute({ sqlText, binds, complete: (error) => (error ? reject(error) : resolve()) });
    });
  } finally {
    await promisify(connection.destroy).call(connection);
  }
}
