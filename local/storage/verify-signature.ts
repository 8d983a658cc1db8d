import { createHash, createHmac, createPublicKey, createVerify, timingSafeEqual } from "node:crypto";
import type { ServiceAccount, StorageHmac } from "../keys.ts";
import { accessDenied, invalid, StorageError } from "./storage-error.ts";

const MAX_LIFETIME_SECONDS = 7 * 24 * 3600;
/** How far a signer's clock may be ahead. */
const CLOCK_SKEW_MS = 15 * 60 * 1000;

/** The parts of a request that a signature covers. */
export interface SignedRequest {
  method: string;
  /** As it was sent, still percent-encoded. */
  path: string;
  query: URLSearchParams;
  header(name: string): string | undefined;
  headerNames: string[];
}

/** What may sign, and how its signatures are judged. */
interface Signer {
  id: string;
  holds(text: string, day: string, signature: Buffer): boolean;
}

/**
 * Verifies V4 signed URLs of one service account, by its key pair or by its HMAC key:
 * https://cloud.google.com/storage/docs/authentication/canonical-requests
 */
export class SignatureVerifier {
  readonly #signers: Map<string, Signer>;

  constructor(account: ServiceAccount, hmac: StorageHmac) {
    this.#signers = new Map([
      ["GOOG4-RSA-SHA256", rsaSigner(account)],
      ["GOOG4-HMAC-SHA256", hmacSigner(hmac)],
    ]);
  }

  /** Throws what Cloud Storage would answer, unless the request carries a signature that holds. */
  verify(request: SignedRequest, now = Date.now()): void {
    const { query } = request;
    if (!query.has("X-Goog-Signature")) {
      if (query.has("Signature")) throw invalid("Only V4 signatures are accepted. Sign with version v4.");
      throw accessDenied("Anonymous caller does not have storage.objects access to the Google Cloud Storage object.");
    }
    const read = (name: string) => {
      const value = query.get(name);
      if (value === null) throw invalid(`Missing required query parameter: ${name}`);
      return value;
    };
    const algorithm = read("X-Goog-Algorithm");
    const signer = this.#signers.get(algorithm);
    if (signer === undefined) {
      throw invalid(`Invalid X-Goog-Algorithm. It takes ${[...this.#signers.keys()].join(" or ")}.`);
    }
    const date = read("X-Goog-Date");
    const day = date.slice(0, 8);
    const scope = `${day}/auto/storage/goog4_request`;
    if (read("X-Goog-Credential") !== `${signer.id}/${scope}`) {
      throw new StorageError(403, "forbidden", "InvalidSecurity", "The provided security credentials are not valid.");
    }
    checkLifetime(date, read("X-Goog-Expires"), now);
    const signedHeaders = read("X-Goog-SignedHeaders").split(";");
    checkHeaders(request, signedHeaders);
    const hex = read("X-Goog-Signature");
    const signature = Buffer.from(/^[0-9a-f]*$/i.test(hex) ? hex : "", "hex");
    const candidates = hostSpellings(request.header("host") ?? "").flatMap((host) =>
      methodsOf(request.method).map((method) => {
        const canonical = canonicalRequest({ ...request, method }, signedHeaders, host);
        return { canonical, text: [algorithm, date, scope, sha256(canonical)].join("\n") };
      }),
    );
    if (candidates.some(({ text }) => signer.holds(text, day, signature))) return;
    throw new StorageError(403, "forbidden", "SignatureDoesNotMatch", "Access denied.", {
      Details:
        "The request signature we calculated does not match the signature you provided. Check your Google secret key and signing method.",
      StringToSign: candidates[0]?.text ?? "",
      CanonicalRequest: candidates[0]?.canonical ?? "",
    });
  }
}

function rsaSigner({ client_email, private_key }: ServiceAccount): Signer {
  const key = createPublicKey(private_key);
  return {
    id: client_email,
    holds: (text, _day, signature) => createVerify("RSA-SHA256").update(text).verify(key, signature),
  };
}

function hmacSigner({ accessId, secret }: StorageHmac): Signer {
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  return {
    id: accessId,
    holds(text, day, signature) {
      const key = [day, "auto", "storage", "goog4_request"].reduce<string | Buffer>(hmac, `GOOG4${secret}`);
      const expected = hmac(key, text);
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    },
  };
}

function checkLifetime(date: string, expires: string, now: number): void {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const signedAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(signedAt)) throw invalid(`Invalid X-Goog-Date: "${date}"`);
  const lifetime = Number(expires);
  if (!/^\d+$/.test(expires) || lifetime < 1 || lifetime > MAX_LIFETIME_SECONDS) {
    throw invalid(`Invalid X-Goog-Expires: "${expires}". It takes 1 to ${MAX_LIFETIME_SECONDS} seconds.`);
  }
  if (signedAt > now + CLOCK_SKEW_MS) throw accessDenied("Request is not yet valid.");
  const end = signedAt + lifetime * 1000;
  if (now > end) {
    throw new StorageError(400, "expiredToken", "ExpiredToken", "Invalid argument.", {
      Details: `The provided token has expired. Request signature expired at: ${new Date(end).toISOString()}`,
    });
  }
}

/** Extension headers change what a request does, so the signer has to have seen them. */
function checkHeaders({ header, headerNames }: SignedRequest, signed: string[]): void {
  if (!signed.includes("host")) throw malformed("The header host must be signed.");
  const unsigned = headerNames.find((name) => name.startsWith("x-goog-") && !signed.includes(name));
  if (unsigned !== undefined) throw malformed(`The header ${unsigned} was sent but is not signed.`);
  const missing = signed.find((name) => header(name) === undefined);
  if (missing !== undefined) throw malformed(`The header ${missing} is signed but was not sent.`);
}

function malformed(details: string): StorageError {
  return new StorageError(400, "invalid", "MalformedSecurityHeader", "Your request has a malformed header.", {
    Details: details,
  });
}

function canonicalRequest(request: SignedRequest, signedHeaders: string[], host: string): string {
  const headerText = (name: string) => (name === "host" ? host : (request.header(name) ?? ""));
  const headers = signedHeaders.map(
    (name) =>
      `${name}:${headerText(name)
        .trim()
        .replace(/\s{2,}/g, " ")}\n`,
  );
  const query = [...request.query]
    .filter(([key]) => key !== "X-Goog-Signature")
    .map(([key, value]) => [encode(key), encode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  return [
    request.method,
    request.path
      .split("/")
      .map((segment) => encode(decodeURIComponent(segment)))
      .join("/"),
    query.join("&"),
    headers.join(""),
    signedHeaders.join(";"),
    request.header("x-goog-content-sha256") ?? "UNSIGNED-PAYLOAD",
  ].join("\n");
}

/** The Node SDK signs a host without its port, the Python one with it. */
function hostSpellings(host: string): string[] {
  return [...new Set([host, host.replace(/:\d+$/, "")])];
}

/** Whoever may GET may HEAD. */
function methodsOf(method: string): string[] {
  return method === "HEAD" ? ["HEAD", "GET"] : [method];
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
