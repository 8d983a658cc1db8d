import { afterAll, beforeAll, expect, it } from "vitest";
import { sessionSql } from "../../../jobs/snowflake/sql.ts";
import { callSnowflake } from "../../local/snowflake/call-snowflake.ts";
import { serveSnowflake } from "../../local/snowflake/serve-snowflake.ts";

let served: Awaited<ReturnType<typeof serveSnowflake>>;
beforeAll(async () => {
  served = await serveSnowflake();
});
afterAll(() => served.close());

it("what an account sets decides nothing in a session of ours", async () => {
  const snowflake = await callSnowflake(served.url);
  await snowflake.run(`ALTER SESSION SET TIMEZONE = 'Asia/Tokyo', QUOTED_IDENTIFIERS_IGNORE_CASE = TRUE,
    ROWS_PER_RESULTSET = 1, DATE_INPUT_FORMAT = 'DD/MM/YYYY', TIME_INPUT_FORMAT = 'HH12:MI',
    TIMESTAMP_INPUT_FORMAT = 'DD/MM/YYYY', TIMESTAMP_TYPE_MAPPING = 'TIMESTAMP_LTZ', BINARY_OUTPUT_FORMAT = 'BASE64'`);
  for (const sql of sessionSql({ statementSeconds: 59.5 })) await snowflake.run(sql);
  const set = new Map((await snowflake.cells("SHOW PARAMETERS")).map(([key, value]) => [key, value]));
  expect(Object.fromEntries(set)).toMatchObject({
    ...{ TIMEZONE: "UTC", TIMESTAMP_TYPE_MAPPING: "TIMESTAMP_NTZ", BINARY_OUTPUT_FORMAT: "HEX" },
    ...{ QUOTED_IDENTIFIERS_IGNORE_CASE: "false", ROWS_PER_RESULTSET: "0", STATEMENT_TIMEOUT_IN_SECONDS: "60" },
    ...{ DATE_INPUT_FORMAT: "AUTO", TIME_INPUT_FORMAT: "AUTO", TIMESTAMP_INPUT_FORMAT: "AUTO" },
  });
});
