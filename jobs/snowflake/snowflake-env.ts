import { z } from "zod";

/** A name as statements take it: upper case unless it is quoted, as everywhere in Snowflake. */
const identifier = z
  .string()
  .transform((name) => /^"(.*)"$/s.exec(name)?.[1]?.replaceAll('""', '"') ?? name.toUpperCase());

/** Where Snowflake is and who we are there: one of a password, a private key or a token. */
export const snowflakeEnv = z.object({
  SNOWFLAKE_ACCOUNT: z.string(),
  /** Another server than the account's own. */
  SNOWFLAKE_URL: z.url().optional(),
  SNOWFLAKE_USER: z.string().optional(),
  SNOWFLAKE_PASSWORD: z.string().optional(),
  /** PEM of PKCS 8; line breaks may be written as \n, as one-line stores of secrets do. */
  SNOWFLAKE_PRIVATE_KEY: z
    .string()
    .transform((pem) => pem.replaceAll("\\n", "\n"))
    .optional(),
  SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: z.string().optional(),
  SNOWFLAKE_TOKEN: z.string().optional(),
  /** What kind of token it is; left out, one that comes with a user is a programmatic access token. */
  SNOWFLAKE_AUTHENTICATOR: z.enum(["OAUTH", "PROGRAMMATIC_ACCESS_TOKEN"]).optional(),
  SNOWFLAKE_DATABASE: identifier,
  SNOWFLAKE_WAREHOUSE: z.string().optional(),
  SNOWFLAKE_ROLE: z.string().optional(),
  /** Lets Snowflake write into the bucket; without it rows come through the driver. */
  SNOWFLAKE_STORAGE_INTEGRATION: identifier.optional(),
});

export type SnowflakeEnv = z.output<typeof snowflakeEnv>;
export type Credentials =
  | { kind: "password"; user: string; password: string }
  | { kind: "key_pair"; user: string; privateKey: string; passphrase: string | undefined }
  | { kind: "token"; user: string | undefined; token: string; authenticator: string };

/** The one way to log in that the environment offers; a key goes before a token, a token before a password. */
export function readCredentials(env: SnowflakeEnv): Credentials {
  const { SNOWFLAKE_USER: user, SNOWFLAKE_PRIVATE_KEY: privateKey, SNOWFLAKE_TOKEN: token } = env;
  if (privateKey !== undefined)
    return { kind: "key_pair", user: named(user), privateKey, passphrase: env.SNOWFLAKE_PRIVATE_KEY_PASSPHRASE };
  if (token !== undefined) {
    const authenticator = env.SNOWFLAKE_AUTHENTICATOR ?? (user === undefined ? "OAUTH" : "PROGRAMMATIC_ACCESS_TOKEN");
    return { kind: "token", user, token, authenticator };
  }
  const password = env.SNOWFLAKE_PASSWORD;
  if (password !== undefined) return { kind: "password", user: named(user), password };
  throw new Error(
    "The job's environment is wrong. Set SNOWFLAKE_PRIVATE_KEY, SNOWFLAKE_TOKEN or SNOWFLAKE_PASSWORD: one of them lets the job in.",
  );
}

function named(user: string | undefined): string {
  if (user !== undefined) return user;
  throw new Error("The job's environment is wrong. SNOWFLAKE_USER: a password or a key belongs to a user.");
}
