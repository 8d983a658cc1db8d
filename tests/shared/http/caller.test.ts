import { createServer } from "node:http";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closeServer, listen } from "../../../local/listen.ts";
import { createCallerReader, type ReadCaller } from "../../../shared/http/caller.ts";

const USER = "0b9d9c0e-6f0a-4d6e-9d6e-1f0a4d6e9d6e";
const options = { anonKey: "anon-key", serviceRoleKey: "sb_secret_1" };

let jwks: { keys: unknown[] } | undefined;
const server = createServer((request, response) => {
  const found = jwks !== undefined && request.url === "/auth/v1/.well-known/jwks.json";
  response.writeHead(found ? 200 : 503, { "content-type": "application/json" }).end(JSON.stringify(jwks ?? {}));
});
let supabaseUrl: string;
let readCaller: ReadCaller;
let sign: (claims: JWTPayload) => Promise<string>;
let signAsStranger: typeof sign;

beforeAll(async () => {
  supabaseUrl = `http://127.0.0.1:${await listen(server, "the keys", 0)}`;
  readCaller = createCallerReader({ supabaseUrl, ...options });
  const ours = await makeSigner();
  sign = ours.sign;
  signAsStranger = (await makeSigner()).sign;
  jwks = { keys: [ours.publicJwk] };
});
afterAll(() => closeServer(server));

async function makeSigner() {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const publicJwk = { ...(await exportJWK(publicKey)), alg: "ES256", use: "sig", kid: "key-1" };
  const claims = { role: "authenticated", sub: USER };
  return {
    publicJwk,
    sign: (extra: JWTPayload) =>
      new SignJWT({ ...claims, exp: Math.floor(Date.now() / 1000) + 60, ...extra })
        .setProtectedHeader({ alg: "ES256", kid: "key-1" })
        .sign(privateKey),
  };
}

describe("a caller", () => {
  test("without a token, or with the anon key, is anonymous", async () => {
    expect(await readCaller(undefined)).toEqual({ userId: null, isAdmin: false });
    expect(await readCaller(`Bearer ${options.anonKey}`)).toEqual({ userId: null, isAdmin: false });
    expect(await readCaller("Bearer sb_publishable_1")).toEqual({ userId: null, isAdmin: false });
    expect(await readCaller(`Bearer ${await sign({ role: "anon", sub: "" })}`)).toEqual({
      userId: null,
      isAdmin: false,
    });
  });

  test("with the service role's key, or a token of that role, is an admin and no user", async () => {
    expect(await readCaller(`Bearer ${options.serviceRoleKey}`)).toEqual({ userId: null, isAdmin: true });
    expect(await readCaller(`Bearer ${await sign({ role: "service_role", sub: "" })}`)).toEqual({
      userId: null,
      isAdmin: true,
    });
  });

  test("with a user's token is that user", async () => {
    expect(await readCaller(`Bearer ${await sign({})}`)).toEqual({ userId: USER, isAdmin: false });
    expect(await readCaller(`bearer ${await sign({ app_metadata: { provider: "email" } })}`)).toEqual({
      userId: USER,
      isAdmin: false,
    });
  });

  test("is an admin by app_metadata, which users cannot write, and not by user_metadata, which they can", async () => {
    const admin = await sign({ app_metadata: { corral_role: "admin" } });
    expect(await readCaller(`Bearer ${admin}`)).toEqual({ userId: USER, isAdmin: true });
    const pretender = await sign({ user_metadata: { corral_role: "admin" }, app_metadata: { corral_role: "owner" } });
    expect(await readCaller(`Bearer ${pretender}`)).toEqual({ userId: USER, isAdmin: false });
  });
});

describe("a token is refused with 401", () => {
  const refusal = { code: "invalid_token", status: 401 };
  const past = Math.floor(Date.now() / 1000) - 3600;

  test("when it has expired, or never expires", async () => {
    await expect(readCaller(`Bearer ${await sign({ exp: past })}`)).rejects.toMatchObject(refusal);
    await expect(readCaller(`Bearer ${await sign({ exp: undefined })}`)).rejects.toMatchObject(refusal);
  });

  test("when another key signed it under our key's id", async () => {
    await expect(readCaller(`Bearer ${await signAsStranger({})}`)).rejects.toMatchObject(refusal);
  });

  test("when nobody signed it", async () => {
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const claims = { role: "service_role", exp: Math.floor(Date.now() / 1000) + 60 };
    const unsigned = `${encode({ alg: "none" })}.${encode(claims)}.`;
    await expect(readCaller(`Bearer ${unsigned}`)).rejects.toMatchObject(refusal);
  });

  test("when it is no token, or names a role or a user that there is not", async () => {
    for (const header of ["Bearer nonsense", "Basic dTpw", "Bearer", `Bearer ${await sign({ role: "root" })}`]) {
      await expect(readCaller(header)).rejects.toMatchObject(refusal);
    }
    await expect(readCaller(`Bearer ${await sign({ sub: "somebody" })}`)).rejects.toMatchObject(refusal);
  });
});

test("keys that cannot be fetched are not the caller's fault", async () => {
  const published = jwks;
  jwks = undefined;
  const reader = createCallerReader({ supabaseUrl, ...options });
  await expect(reader(`Bearer ${await sign({})}`)).rejects.not.toMatchObject({ status: 401 });
  jwks = published;
});
