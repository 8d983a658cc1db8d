import { afterAll, beforeAll, expect, it } from "vitest";
import { connectSnowflake } from "../../../jobs/snowflake/connect-snowflake.ts";
import { snowflakeEnv } from "../../../jobs/snowflake/snowflake-env.ts";
import { readCosts } from "../../../jobs/snowflake-to-duckdb/read-costs.ts";
import { LOGIN, serveSnowflake } from "../../local/snowflake/serve-snowflake.ts";

let served: Awaited<ReturnType<typeof serveSnowflake>>;
beforeAll(async () => {
  served = await serveSnowflake();
});
afterAll(() => served.close());

it("costs are not known where the history is refused, but a sync that was stopped stops", async () => {
  const stop = new AbortController();
  const { signal } = stop;
  const { login: user, password } = LOGIN;
  const session = await connectSnowflake({
    env: snowflakeEnv.parse({ SNOWFLAKE_ACCOUNT: "acct", SNOWFLAKE_URL: served.url, SNOWFLAKE_DATABASE: "corral" }),
    credentials: { kind: "password", user, password },
    ...{ tag: "costs", statementSeconds: 60, signal },
  });
  try {
    const fault = { kind: "refusal", code: "003001", message: "Insufficient privileges" } as const;
    served.server.faults.add({ on: "query", sql: "SELECT SUM(BYTES_SCANNED)", fault });
    const nothing = { bytesScanned: null, creditsCloudServices: null };
    expect(await readCosts(session, "CORRAL", "costs", signal)).toEqual(nothing);
    stop.abort(new Error("told to stop"));
    await expect(readCosts(session, "CORRAL", "costs", signal)).rejects.toThrow("told to stop");
  } finally {
    await session.close();
  }
});
