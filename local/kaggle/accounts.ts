import { createHash, timingSafeEqual } from "node:crypto";
import { unauthorized } from "./api-error.ts";

export interface KaggleUser {
  username: string;
  key: string;
}

export interface KaggleToken {
  token: string;
  username: string;
}

/** Who may call: legacy username and key (Basic) and access tokens (Bearer). */
export class Accounts {
  readonly #users: KaggleUser[];
  readonly #tokens: KaggleToken[];

  constructor(users: KaggleUser[], tokens: KaggleToken[]) {
    this.#users = users;
    this.#tokens = tokens;
  }

  /** The caller's name; undefined without credentials, which public datasets don't need. Throws a 401 on wrong ones. */
  authenticate(authorization: string | undefined): string | undefined {
    if (authorization === undefined) return undefined;
    const [, scheme = "", value = ""] = /^(\w+) +(.*)$/.exec(authorization) ?? [];
    const username = scheme.toLowerCase() === "bearer" ? this.ownerOf(value) : this.#basic(scheme, value);
    if (username === undefined) throw unauthorized();
    return username;
  }

  /** The user whom an access token belongs to. */
  ownerOf(token: string): string | undefined {
    return this.#tokens.find((one) => same(one.token, token))?.username;
  }

  #basic(scheme: string, value: string): string | undefined {
    if (scheme.toLowerCase() !== "basic") return undefined;
    const pair = Buffer.from(value, "base64").toString("utf8");
    return this.#users.find(({ username, key }) => same(`${username}:${key}`, pair))?.username;
  }
}

function same(expected: string, given: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}
