import { createHash, createPublicKey, timingSafeEqual, verify } from "node:crypto";
import { z } from "zod";
import { SnowflakeError } from "./snowflake-error.ts";

/** Who may log in, and by what. */
export interface SnowflakeUser {
  login: string;
  password?: string;
  /** The public half of the key pair, as `ALTER USER … SET RSA_PUBLIC_KEY` takes it, in PEM. */
  publicKeyPem?: string;
  /** OAuth and programmatic access tokens. */
  tokens?: string[];
}

export interface Credentials {
  login: string | undefined;
  authenticator: string;
  password: string | undefined;
  token: string | undefined;
}

const claims = z.object({ iss: z.string(), sub: z.string(), iat: z.number(), exp: z.number() });
const header = z.object({ alg: z.literal("RS256") });
const TOKEN_METHODS = ["OAUTH", "PROGRAMMATIC_ACCESS_TOKEN"];

const refused = (message = "Incorrect username or password was specified.") =>
  new SnowflakeError("390100", "08001", message);
const invalidJwt = () => new SnowflakeError("390144", "08001", "JWT token is invalid.");

/** Finds the user that the credentials prove; https://docs.snowflake.com/en/developer-guide/sql-api/authenticating */
export function authenticate(users: SnowflakeUser[], credentials: Credentials): SnowflakeUser {
  const authenticator = credentials.authenticator.toUpperCase();
  const token = credentials.token ?? "";
  if (TOKEN_METHODS.includes(authenticator)) {
    const owner = users.find((user) => user.tokens?.some((known) => same(known, token)));
    const named =
      credentials.login === undefined ||
      credentials.login === "" ||
      owner?.login.toUpperCase() === credentials.login.toUpperCase();
    if (owner === undefined || !named) throw new SnowflakeError("390303", "08001", "Invalid OAuth access token.");
    return owner;
  }
  if (authenticator === "SNOWFLAKE_JWT") return verifyJwt(users, token);
  if (authenticator !== "SNOWFLAKE")
    throw new SnowflakeError("390190", "08001", `Authenticator ${authenticator} is not supported.`);
  const user = named(users, credentials.login ?? "");
  const password = credentials.password ?? "";
  if (user?.password === undefined) {
    const isToken = user?.tokens?.some((known) => same(known, password)) ?? false;
    if (user !== undefined && isToken) return user;
    throw refused();
  }
  if (!same(user.password, password)) throw refused();
  return user;
}

const named = (users: SnowflakeUser[], login: string) =>
  users.find((user) => user.login.toUpperCase() === login.toUpperCase());

/**
 * The token's issuer is `ACCOUNT.USER.SHA256:<fingerprint of the public key>`; snowflake-sdk 3.3.0 tells its times in
 * milliseconds, other clients in seconds.
 */
function verifyJwt(users: SnowflakeUser[], token: string): SnowflakeUser {
  const [head = "", body = "", signature = ""] = token.split(".");
  const protectedHeader = header.safeParse(decode(head));
  const payload = claims.safeParse(decode(body));
  if (!protectedHeader.success || !payload.success) throw invalidJwt();
  const { iss, sub, iat, exp } = payload.data;
  const user = named(users, sub.split(".").slice(1).join("."));
  if (user?.publicKeyPem === undefined) throw invalidJwt();
  const key = createPublicKey(user.publicKeyPem);
  const fingerprint = createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64");
  const now = Date.now();
  const fresh = toMs(iat) <= now + 60_000 && toMs(exp) > now - 60_000;
  const signed = verify("RSA-SHA256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"));
  if (iss !== `${sub}.SHA256:${fingerprint}` || !fresh || !signed) throw invalidJwt();
  return user;
}

const toMs = (time: number) => (time > 100_000_000_000 ? time : time * 1000);

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    return undefined;
  }
}

function same(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}
