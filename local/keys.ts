import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";

/** Google's key file format, as `gcloud iam service-accounts keys create` writes it. */
export interface ServiceAccount {
  type: "service_account";
  project_id: string;
  private_key_id: string;
  private_key: string;
  client_email: string;
  client_id: string;
  token_uri: string;
}

/** An HMAC key of that account, as `gcloud storage hmac create` makes it. */
export interface StorageHmac {
  accessId: string;
  secret: string;
}

/** What the local cloud keeps secret between two starts; one file in the data folder. */
interface StoredKeys {
  jwk: JWK;
  anonKey: string;
  serviceRoleKey: string;
  dispatchSecret: string;
  serviceAccount: ServiceAccount;
  storageHmac: StorageHmac;
}

export interface Keys extends Omit<StoredKeys, "jwk"> {
  /** The public half, as `/auth/v1/.well-known/jwks.json` serves it. */
  jwks: { keys: JWK[] };
  /** Signs claims as an ES256 token; `exp` and `iat` belong to the claims. */
  sign: (claims: JWTPayload) => Promise<string>;
}

export const ISSUER = "supabase";
const TEN_YEARS_IN_SECONDS = 10 * 365 * 24 * 3600;

/** Reads the keys of a data folder, making them on first use. */
export async function loadKeys(dataDir: string): Promise<Keys> {
  const file = join(dataDir, "keys.json");
  const stored = await readStored(file);
  const { d: _private, ...publicJwk } = stored.jwk;
  const { jwk, ...rest } = stored;
  return { ...rest, jwks: { keys: [publicJwk] }, sign: await signer(jwk) };
}

/** What an older version wrote lacks what came later, and gets it. */
async function readStored(file: string): Promise<StoredKeys> {
  let found: Omit<StoredKeys, "storageHmac"> & Partial<StoredKeys>;
  try {
    found = JSON.parse(await readFile(file, "utf8")) as StoredKeys;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    found = await makeKeys();
  }
  if (found.storageHmac !== undefined) return { ...found, storageHmac: found.storageHmac };
  const stored = { ...found, storageHmac: makeStorageHmac() };
  await mkdir(join(file, ".."), { recursive: true });
  const draft = `${file}.new`;
  await rm(draft, { force: true });
  await writeFile(draft, JSON.stringify(stored, null, 2), { mode: 0o600 });
  await rename(draft, file);
  return stored;
}

async function makeKeys(): Promise<Omit<StoredKeys, "storageHmac">> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk: JWK = { ...(await exportJWK(privateKey)), alg: "ES256", use: "sig", kid: randomBytes(8).toString("hex") };
  const sign = await signer(jwk);
  const now = Math.floor(Date.now() / 1000);
  const apiKey = (role: string) => sign({ iss: ISSUER, role, iat: now, exp: now + TEN_YEARS_IN_SECONDS });
  return {
    jwk,
    anonKey: await apiKey("anon"),
    serviceRoleKey: await apiKey("service_role"),
    dispatchSecret: randomBytes(32).toString("base64url"),
    serviceAccount: makeServiceAccount(),
  };
}

async function signer(jwk: JWK): Promise<Keys["sign"]> {
  const key = await importJWK(jwk, "ES256");
  const header = { alg: "ES256", typ: "JWT", ...(jwk.kid ? { kid: jwk.kid } : {}) };
  return (claims) => new SignJWT(claims).setProtectedHeader(header).sign(key);
}

/** In the form that Google gives them: https://cloud.google.com/storage/docs/authentication/hmackeys */
function makeStorageHmac(): StorageHmac {
  const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const letters = Array.from(randomBytes(57), (byte) => base32[byte % base32.length]).join("");
  return { accessId: `GOOG1${letters.slice(1)}`, secret: randomBytes(30).toString("base64") };
}

function makeServiceAccount(): ServiceAccount {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return {
    type: "service_account",
    project_id: "corral-local",
    private_key_id: randomBytes(20).toString("hex"),
    private_key: privateKey,
    client_email: "corral@corral-local.iam.gserviceaccount.com",
    client_id: "100000000000000000000",
    token_uri: "https://oauth2.googleapis.com/token",
  };
}
