import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

export const THREE_DAYS_IN_SECONDS = 259_200;

export type UrlVerdict = { valid: true } | { valid: false; reason: "missing" | "mismatch" } | ExpiredVerdict;
interface ExpiredVerdict {
  valid: false;
  reason: "expired";
  expiredAt: Date;
}

const ACCESS_ID = "GOOG1ECORRALLOCALKAGGLE";
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** Signs and verifies Cloud Storage V4 URLs with an HMAC key; a signature covers method, path, query and host. */
export class UrlSigner {
  readonly #origin: string;
  readonly #secret = randomBytes(30).toString("base64");

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** A URL for GET that stops working after that many seconds. */
  sign(path: string, expiresInSeconds: number, now = new Date()): URL {
    const url = new URL(path, this.#origin);
    const stamp = `${now.toISOString().replace(/[-:]|\.\d+/g, "")}`;
    const query = {
      "X-Goog-Algorithm": "GOOG4-HMAC-SHA256",
      "X-Goog-Credential": `${ACCESS_ID}/${scopeOf(stamp)}`,
      "X-Goog-Date": stamp,
      "X-Goog-Expires": String(expiresInSeconds),
      "X-Goog-SignedHeaders": "host",
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    url.searchParams.set("X-Goog-Signature", this.#signatureOf("GET", url));
    return url;
  }

  verify(method: string, url: URL, now = new Date()): UrlVerdict {
    const given = url.searchParams.get("X-Goog-Signature");
    const issuedAt = parseStamp(url.searchParams.get("X-Goog-Date") ?? "");
    if (given === null || issuedAt === undefined) return { valid: false, reason: "missing" };
    const expected = Buffer.from(this.#signatureOf(method, url));
    const actual = Buffer.from(given);
    if (actual.length !== expected.length || !timingSafeEqual(actual, expected))
      return { valid: false, reason: "mismatch" };
    const expiredAt = new Date(issuedAt.getTime() + Number(url.searchParams.get("X-Goog-Expires")) * 1000);
    return expiredAt <= now ? { valid: false, reason: "expired", expiredAt } : { valid: true };
  }

  #signatureOf(method: string, url: URL): string {
    const stamp = url.searchParams.get("X-Goog-Date") ?? "";
    const query = [...url.searchParams]
      .filter(([name]) => name !== "X-Goog-Signature")
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join("&");
    const host = new URL(this.#origin).host;
    const canonical = [method, url.pathname, query, `host:${host}\n`, "host", "UNSIGNED-PAYLOAD"].join("\n");
    const digest = createHash("sha256").update(canonical).digest("hex");
    const toSign = ["GOOG4-HMAC-SHA256", stamp, scopeOf(stamp), digest].join("\n");
    const dateKey = hmac(`GOOG4${this.#secret}`, stamp.slice(0, 8));
    const key = hmac(hmac(hmac(dateKey, "auto"), "storage"), "goog4_request");
    return hmac(key, toSign).toString("hex");
  }
}

function scopeOf(stamp: string): string {
  return `${stamp.slice(0, 8)}/auto/storage/goog4_request`;
}

function parseStamp(stamp: string): Date | undefined {
  const iso = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const date = new Date(iso);
  return iso === stamp || Number.isNaN(date.getTime()) ? undefined : date;
}
