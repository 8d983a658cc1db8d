import { generateKeyPairSync } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { LOGIN, serveSnowflake } from "../../local/snowflake/serve-snowflake.ts";
import { connectSnowflake } from "./connect-snowflake.ts";

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const privateKey = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const other = generateKeyPairSync("rsa", { modulusLength: 2048 })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();
const publicKeyPem = keys.publicKey.export({ type: "spki", format: "pem" }).toString();

let served: Awaited<ReturnType<typeof serveSnowflake>>;
beforeAll(async () => {
  served = await serveSnowflake({
    users: [LOGIN, { login: "SYNC", publicKeyPem }, { login: "TOKENS", tokens: ["good-token"] }],
  });
});
afterEach(() => served.server.faults.clear());
afterAll(() => served.close());

const base = () => ({ account: "acct", accessUrl: served.url, database: "CORRAL", schema: "PUBLIC", warehouse: "W" });
const withPassword = () => connectSnowflake({ ...base(), username: LOGIN.login, password: LOGIN.password });

describe("a login", () => {
  test("by password opens a session at the place that was asked for", async () => {
    const client = await withPassword();
    const [row] = await client.rows(
      "SELECT CURRENT_USER() u, CURRENT_DATABASE() d, CURRENT_SCHEMA() s, CURRENT_WAREHOUSE() w",
    );
    expect(row).toEqual({ U: "CORRAL", D: "CORRAL", S: "PUBLIC", W: "W" });
    expect(await client.connection.isValidAsync()).toBe(true);
    await client.destroy();
  });

  test("by another password is refused", async () => {
    const wrong = connectSnowflake({ ...base(), username: LOGIN.login, password: "wrong" });
    await expect(wrong).rejects.toMatchObject({ code: "390100" });
  });

  test("takes the roles that there are, and neither opens nor changes a session for another", async () => {
    const login = { ...base(), username: LOGIN.login, password: LOGIN.password };
    await expect(connectSnowflake({ ...login, role: "nobody" })).rejects.toMatchObject({
      code: "390189",
      message: expect.stringContaining(
        "Role 'NOBODY' specified in the connect string does not exist or not authorized.",
      ),
    });
    const client = await connectSnowflake({ ...login, role: "sysadmin" });
    await expect(client.rows("USE ROLE nobody")).rejects.toMatchObject({ code: "002043", sqlState: "02000" });
    expect(await client.rows("SELECT CURRENT_ROLE() r")).toEqual([{ R: "SYSADMIN" }]);
    await client.rows("USE ROLE public");
    expect(await client.rows("SELECT CURRENT_ROLE() r")).toEqual([{ R: "PUBLIC" }]);
    await client.destroy();
  });

  test("leaves the place of a database that there is not empty", async () => {
    const client = await connectSnowflake({
      ...{ ...base(), database: "NOWHERE" },
      ...{ username: LOGIN.login, password: LOGIN.password },
    });
    expect(await client.rows("SELECT CURRENT_DATABASE() d, CURRENT_SCHEMA() s")).toEqual([{ D: null, S: null }]);
    await client.destroy();
  });

  test("by key pair is accepted for the user's own key alone", async () => {
    const jwt = { ...base(), username: "SYNC", authenticator: "SNOWFLAKE_JWT" };
    const client = await connectSnowflake({ ...jwt, privateKey });
    expect(await client.rows("SELECT CURRENT_USER() u")).toEqual([{ U: "SYNC" }]);
    await client.destroy();
    await expect(connectSnowflake({ ...jwt, privateKey: other })).rejects.toMatchObject({ code: "390144" });
  });

  test("by token is accepted for tokens that are known", async () => {
    const oauth = { ...base(), username: "TOKENS", authenticator: "OAUTH" };
    const client = await connectSnowflake({ ...oauth, token: "good-token" });
    expect(await client.rows("SELECT CURRENT_USER() u")).toEqual([{ U: "TOKENS" }]);
    await client.destroy();
    await expect(connectSnowflake({ ...oauth, token: "bad-token" })).rejects.toMatchObject({ code: "390303" });
  });
});

describe("a session", () => {
  test("whose token has expired is renewed, and the statement runs once", async () => {
    const client = await withPassword();
    await client.rows("CREATE OR REPLACE TABLE once (id INT)");
    served.server.expire("session");
    await client.rows("INSERT INTO once VALUES (1)");
    expect(await client.rows("SELECT COUNT(*) n FROM once")).toEqual([{ N: 1 }]);
    await client.destroy();
  });

  test("whose master token has expired has ended", async () => {
    const client = await withPassword();
    served.server.expire("master");
    await expect(client.rows("SELECT 1")).rejects.toThrow();
    const fresh = await withPassword();
    expect(await fresh.rows("SELECT 1 one")).toEqual([{ ONE: 1 }]);
    await fresh.destroy();
  });

  test("keeps its parameters, which every reply tells", async () => {
    const client = await withPassword();
    await client.rows(
      "ALTER SESSION SET QUERY_TAG = 'corral', TIMEZONE = 'Europe/Berlin', DATE_OUTPUT_FORMAT = 'DD.MM.YYYY'",
    );
    const [row] = await client.rows("SELECT '2020-07-01 12:00:00 +0000'::TIMESTAMP_LTZ l, '2020-07-01'::DATE d");
    expect(JSON.parse(JSON.stringify(row))).toEqual({ L: "2020-07-01 14:00:00.000 +0200", D: "01.07.2020" });
    const tagged = await client.rows(
      "SELECT query_tag FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION()) LIMIT 1",
    );
    expect(tagged).toEqual([{ QUERY_TAG: "corral" }]);
    await expect(client.rows("ALTER SESSION SET TIMEZONE = 'Nowhere/Town'")).rejects.toMatchObject({ code: "001008" });
    await client.destroy();
  });

  test("takes its temporary tables with it, and what it did not commit", async () => {
    const client = await withPassword();
    await client.rows("CREATE TABLE IF NOT EXISTS kept (id INT)");
    await client.rows("CREATE TEMPORARY TABLE gone (id INT)");
    await client.rows("BEGIN");
    await client.rows("INSERT INTO kept VALUES (1)");
    await client.destroy();
    const next = await withPassword();
    expect(await next.rows("SELECT * FROM kept")).toEqual([]);
    await expect(next.rows("SELECT * FROM gone")).rejects.toMatchObject({ code: "002003", sqlState: "42S02" });
    await next.destroy();
  });
});

describe("after a fault", () => {
  test("of the server (503) the driver asks again", async () => {
    const client = await withPassword();
    const armed = served.server.faults.add({ on: "query", fault: { kind: "status", status: 503 } });
    expect(await client.rows("SELECT 1 one")).toEqual([{ ONE: 1 }]);
    expect(armed.hits).toBe(1);
    await client.destroy();
  });

  test("that lost the reply, the statement asked for again has run once", async () => {
    const client = await withPassword();
    await client.rows("CREATE OR REPLACE TABLE lost (id INT)");
    served.server.faults.add({ on: "query", sql: "insert", fault: { kind: "lost_reply" } });
    await client.rows("INSERT INTO lost VALUES (1)");
    expect(await client.rows("SELECT COUNT(*) n FROM lost")).toEqual([{ N: 1 }]);
    await client.destroy();
  });
});
