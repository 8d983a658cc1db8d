import { toHex } from "../hex.ts";
import type { ServiceAccountKey } from "./service-account.ts";

export interface UrlRequest {
  method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** The object's name in the bucket. */
  object: string;
  /** From 1 to `MAX_LIFETIME_SECONDS`. */
  lifetimeSeconds: number;
  /** What whoever uses the URL has to send along, such as a content type, and can send no other. */
  headers?: Record<string, string>;
  /** What the URL asks besides, such as `response-content-disposition`. */
  query?: Record<string, string>;
}

/** Signs a V4 URL of one bucket, without asking anybody. */
export type SignUrl = (request: UrlRequest) => Promise<string>;

export interface SignerOptions {
  bucket: string;
  /** Another address than Google's. */
  endpoint?: string | undefined;
  key: SigningKey;
  /** The moment that URLs are signed for; now, unless somebody compares them. */
  clock?: () => Date;
}

/** What V4 signatures are made with. */
export interface SigningKey {
  algorithm: "GOOG4-RSA-SHA256" | "GOOG4-HMAC-SHA256";
  /** Who signs. */
  id: string;
  /** Signs in the name of the day, `20261121`. */
  sign(text: Uint8Array<ArrayBuffer>, day: string): Promise<ArrayBuffer>;
}

export const GOOGLE_STORAGE = "https://storage.googleapis.com";
/** A V4 URL lives no longer: https://cloud.google.com/storage/docs/access-control/signed-urls */
export const MAX_LIFETIME_SECONDS = 7 * 24 * 3600;

/**
 * Makes a signer by Cloud Storage's documentation alone, since loading the SDK would cost more than the whole request:
 * https://cloud.google.com/storage/docs/authentication/canonical-requests
 */
export function createUrlSigner({ bucket, endpoint = GOOGLE_STORAGE, key, clock }: SignerOptions): SignUrl {
  const { origin, hostname } = new URL(endpoint);
  return async ({ method, object, lifetimeSeconds, headers = {}, query = {} }) => {
    const moment = (clock?.() ?? new Date()).toISOString().replace(/[-:]|\.\d+/g, "");
    const day = moment.slice(0, 8);
    const scope = `${day}/auto/storage/goog4_request`;
    // The host is signed without its port, as the SDK does.
    const signed = [...Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]), ["host", hostname]];
    signed.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
    const names = signed.map(([name]) => name).join(";");
    const asked = Object.entries({
      "X-Goog-Algorithm": key.algorithm,
      "X-Goog-Credential": `${key.id}/${scope}`,
      "X-Goog-Date": moment,
      "X-Goog-Expires": String(lifetimeSeconds),
      "X-Goog-SignedHeaders": names,
      ...query,
    }).map(([name, value]) => `${encode(name)}=${encode(value)}`);
    const path = `/${bucket}/${object.split("/").map(encode).join("/")}`;
    const canonical = [
      method,
      path,
      asked.toSorted().join("&"),
      ...signed.map(([name, value = ""]) => `${name}:${value.trim().replace(/\s{2,}/g, " ")}`),
      "",
      names,
      "UNSIGNED-PAYLOAD",
    ].join("\n");
    const digest = toHex(await crypto.subtle.digest("SHA-256", utf8(canonical)));
    const signature = await key.sign(utf8([key.algorithm, moment, scope, digest].join("\n")), day);
    return `${origin}${path}?${asked.join("&")}&X-Goog-Signature=${toHex(signature)}`;
  };
}

/** Signs as a service account; a signature takes the processor about 2 ms. */
export function rsaKey({ client_email, private_key }: ServiceAccountKey): SigningKey {
  let imported: Promise<CryptoKey> | undefined;
  return {
    algorithm: "GOOG4-RSA-SHA256",
    id: client_email,
    async sign(text) {
      imported ??= importRsa(private_key);
      return crypto.subtle.sign("RSASSA-PKCS1-v1_5", await imported, text);
    },
  };
}

/**
 * Signs with an HMAC key of a service account, a hundred times faster:
 * https://cloud.google.com/storage/docs/authentication/hmackeys
 */
export function hmacKey({ accessId, secret }: { accessId: string; secret: string }): SigningKey {
  let ofDay: { day: string; key: Promise<CryptoKey> } | undefined;
  return {
    algorithm: "GOOG4-HMAC-SHA256",
    id: accessId,
    async sign(text, day) {
      if (ofDay?.day !== day) ofDay = { day, key: deriveHmac(secret, day) };
      return crypto.subtle.sign("HMAC", await ofDay.key, text);
    },
  };
}

function importRsa(pem: string): Promise<CryptoKey> {
  const base64 = pem.replace(/-----[A-Z ]+-----|\s/g, "");
  const der = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return crypto.subtle.importKey("pkcs8", der, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, false, ["sign"]);
}

async function deriveHmac(secret: string, day: string): Promise<CryptoKey> {
  let key = await importHmac(utf8(`GOOG4${secret}`));
  for (const part of [day, "auto", "storage", "goog4_request"]) {
    key = await importHmac(await crypto.subtle.sign("HMAC", key, utf8(part)));
  }
  return key;
}

function importHmac(bytes: BufferSource): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

/** What RFC 3986 lets stand, and nothing more: JavaScript's own leaves `!'()*` as they are. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
