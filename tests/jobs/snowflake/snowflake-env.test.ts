import { describe, expect, it } from "vitest";
import { readEnv } from "../../../jobs/job-env.ts";
import { readCredentials, snowflakeEnv } from "../../../jobs/snowflake/snowflake-env.ts";

const BASE = { SNOWFLAKE_ACCOUNT: "org-account", SNOWFLAKE_DATABASE: "corral" };
const credentials = (env: Record<string, string>) => readCredentials(readEnv(snowflakeEnv, { ...BASE, ...env }));

describe("the environment of jobs that ask Snowflake", () => {
  it("offers a password, a token or a key, the safest first", () => {
    const all = { SNOWFLAKE_USER: "U", SNOWFLAKE_PASSWORD: "p", SNOWFLAKE_TOKEN: "t", SNOWFLAKE_PRIVATE_KEY: "a\\nb" };
    expect(credentials(all)).toEqual({ kind: "key_pair", user: "U", privateKey: "a\nb", passphrase: undefined });
    expect(credentials({ ...all, SNOWFLAKE_PRIVATE_KEY: "" })).toEqual({
      ...{ kind: "token", user: "U", token: "t", authenticator: "PROGRAMMATIC_ACCESS_TOKEN" },
    });
    expect(credentials({ SNOWFLAKE_TOKEN: "t" })).toMatchObject({ user: undefined, authenticator: "OAUTH" });
    expect(credentials({ ...all, SNOWFLAKE_PRIVATE_KEY: "", SNOWFLAKE_AUTHENTICATOR: "OAUTH" })).toMatchObject({
      authenticator: "OAUTH",
    });
    expect(credentials({ SNOWFLAKE_USER: "U", SNOWFLAKE_PASSWORD: "p" })).toMatchObject({ kind: "password" });
  });

  it("says what is missing, and never a value", () => {
    expect(() => credentials({ SNOWFLAKE_USER: "U" })).toThrow("Set SNOWFLAKE_PRIVATE_KEY, SNOWFLAKE_TOKEN or");
    expect(() => credentials({ SNOWFLAKE_PASSWORD: "secret" })).toThrow(/^(?!.*secret).*SNOWFLAKE_USER/);
  });

  it("names objects as statements do: in capitals unless quoted", () => {
    const { SNOWFLAKE_DATABASE, SNOWFLAKE_STORAGE_INTEGRATION } = readEnv(snowflakeEnv, {
      ...BASE,
      SNOWFLAKE_STORAGE_INTEGRATION: '"my ""own"""',
    });
    expect([SNOWFLAKE_DATABASE, SNOWFLAKE_STORAGE_INTEGRATION]).toEqual(["CORRAL", 'my "own"']);
  });
});
