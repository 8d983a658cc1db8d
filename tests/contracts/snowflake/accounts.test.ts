import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LOGIN, serveSnowflake } from "../../local/snowflake/serve-snowflake.ts";
import { type Client, connectSnowflake } from "./connect-snowflake.ts";

/**
 * Reads only. Against a real account with SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER and SNOWFLAKE_PASSWORD (and
 * SNOWFLAKE_WAREHOUSE) in the environment; it needs no database.
 */
const { SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_PASSWORD, SNOWFLAKE_WAREHOUSE } = process.env;
const isReal = SNOWFLAKE_ACCOUNT !== undefined && SNOWFLAKE_USER !== undefined && SNOWFLAKE_PASSWORD !== undefined;

const accounts = [
  { name: "the stand-in", present: true, real: false },
  { name: "a real account (skipped without SNOWFLAKE_ACCOUNT, _USER, _PASSWORD)", present: isReal, real: true },
];

describe.each(accounts)("$name", ({ present, real }) => {
  let client: Client;
  let close = async () => {};
  beforeAll(async () => {
    if (!present) return;
    if (real) {
      const warehouse = SNOWFLAKE_WAREHOUSE === undefined ? {} : { warehouse: SNOWFLAKE_WAREHOUSE };
      const login = { username: SNOWFLAKE_USER ?? "", password: SNOWFLAKE_PASSWORD ?? "" };
      client = await connectSnowflake({ account: SNOWFLAKE_ACCOUNT ?? "", ...login, ...warehouse });
    } else {
      const served = await serveSnowflake();
      client = await connectSnowflake({
        account: "acct",
        accessUrl: served.url,
        username: LOGIN.login,
        password: LOGIN.password,
      });
      close = () => served.close();
    }
    await client.rows("ALTER SESSION SET TIMEZONE = 'UTC'");
  });
  afterAll(async () => {
    if (!present) return;
    await client.destroy();
    await close();
  });

  /** Expressions whose value is told in Snowflake's documentation, or follows from it. */
  const VALUES: [sql: string, text: string | null][] = [
    ["MD5('a')", "0cc175b9c0f1b6a831c399e269772661"],
    ["MD5_NUMBER_LOWER64('a')", "3585878926028121697"],
    ["MD5_NUMBER_UPPER64('a')", "919145239626757800"],
    ["TO_NUMBER('ff', 'XX')", "255"],
    [
      "TO_VARCHAR('2020-01-01 01:02:03.000000004'::TIMESTAMP_NTZ, 'YYYY-MM-DD HH24:MI:SS.FF9')",
      "2020-01-01 01:02:03.000000004",
    ],
    ["DATE_PART(EPOCH_NANOSECOND, '1969-12-31 23:59:59.999999999'::TIMESTAMP_NTZ)", "-1"],
    ["CONVERT_TIMEZONE('UTC', '2020-01-01 00:00:00 +0200'::TIMESTAMP_TZ)::TIMESTAMP_NTZ", "2019-12-31 22:00:00.000"],
    ["DATEADD(MONTH, 1, '2020-01-31'::DATE)", "2020-02-29"],
    ["DATEDIFF(YEAR, '2019-12-31'::DATE, '2020-01-01'::DATE)", "1"],
    ["TRY_CAST('x' AS INT)", null],
    ["IFF(1 = 1, 'yes', 'no')", "yes"],
    ["NVL(NULL, 'other')", "other"],
    ["'99999999999999999999999999999999999999'::NUMBER(38,0)", "99999999999999999999999999999999999999"],
    ['PARSE_JSON(\'{"a":[1,{"b":"x"}]}\'):a[1].b::VARCHAR', "x"],
    ["TO_VARCHAR(TO_BINARY('CAFE'), 'HEX')", "CAFE"],
    ["'abc' RLIKE 'a.'", "false"],
    ["SPLIT_PART('a.b.c', '.', 2)", "b"],
  ];

  test.runIf(present).each(VALUES)("%s", async (sql, text) => {
    expect(await client.rows(`SELECT TO_VARCHAR(${sql}) AS v`)).toEqual([{ V: text }]);
  });

  test.runIf(present)("names, types and refusals are told alike", async () => {
    const statement = await client.statement(
      'SELECT 1 AS one, 2 AS "two", COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 3))',
    );
    expect(statement.getColumns()?.map((column) => [column.getName(), column.getType()])).toEqual([
      ["ONE", "fixed"],
      ["two", "fixed"],
      ["COUNT(*)", "fixed"],
    ]);
    await expect(client.rows("SELECT nothing")).rejects.toMatchObject({ code: "000904", sqlState: "42000" });
    await expect(client.rows("SELECT 1 / 0")).rejects.toMatchObject({ code: "100051", sqlState: "22012" });
    await expect(client.rows("SELEKT 1")).rejects.toMatchObject({ code: "001003", sqlState: "42000" });
  });
});
