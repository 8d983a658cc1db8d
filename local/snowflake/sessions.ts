import { randomBytes } from "node:crypto";
import type { SnowflakeUser } from "./authenticate.ts";
import type { Namespace } from "./catalog.ts";
import type { Connection } from "./connection.ts";
import { SessionParameters } from "./session-parameters.ts";
import { SnowflakeError } from "./snowflake-error.ts";

/** How long tokens are good for, in seconds. */
export interface Lifetimes {
  sessionSeconds: number;
  masterSeconds: number;
}

/** What BEGIN opened: the connection that holds it, and the moments that its rows bear until COMMIT. */
export interface Transaction {
  connection: Connection;
  moments: Set<number>;
  tables: Set<number>;
}

/** Everybody is an ACCOUNTADMIN, who has what the other system-defined roles have; there is no CREATE ROLE. */
export const ROLES = new Set(["ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC"]);

export class Session implements Namespace {
  readonly id: string;
  readonly user: SnowflakeUser;
  readonly parameters = new SessionParameters();
  readonly variables = new Map<string, string>();
  /** Ids of the queries, oldest first. */
  readonly history: string[] = [];
  token = newToken();
  tokenExpires = 0;
  masterToken = newToken();
  masterExpires = 0;
  database: string | undefined;
  schema: string | undefined;
  warehouse: string | undefined;
  role = "ACCOUNTADMIN";
  transaction: Transaction | undefined;
  /** Statements inside of a transaction wait for each other. */
  turn: Promise<unknown> = Promise.resolve();

  constructor(id: string, user: SnowflakeUser) {
    this.id = id;
    this.user = user;
  }

  get session(): string {
    return this.id;
  }
}

const newToken = () => `ver:1-hint:${randomBytes(4).readUInt32BE()}-ETMsDgAAA${randomBytes(48).toString("base64url")}`;

/** The sessions and what their tokens are worth. */
export class Sessions {
  readonly #byToken = new Map<string, Session>();
  readonly #byMaster = new Map<string, Session>();
  readonly #lifetimes: Lifetimes;
  #lastId = Date.now() * 1000;

  constructor(lifetimes: Lifetimes) {
    this.#lifetimes = lifetimes;
  }

  get lifetimes(): Lifetimes {
    return this.#lifetimes;
  }

  open(user: SnowflakeUser): Session {
    this.#lastId += 1;
    const session = new Session(String(this.#lastId), user);
    this.#issue(session);
    return session;
  }

  /** The session of an `Authorization: Snowflake Token="…"` header. */
  authorize(header: string | undefined): Session {
    const session = this.#byToken.get(tokenOf(header));
    if (session === undefined)
      throw new SnowflakeError("390104", "08001", "Authentication token is invalid. The user must authenticate again.");
    if (Date.now() >= session.masterExpires) throw masterExpired();
    if (Date.now() >= session.tokenExpires)
      throw new SnowflakeError("390112", "08001", "Session token has expired. Please renew the session token.");
    return session;
  }

  /** Gives the session of a master token new tokens. */
  renew(header: string | undefined): Session {
    const session = this.#byMaster.get(tokenOf(header));
    if (session === undefined || Date.now() >= session.masterExpires) throw masterExpired();
    this.#byToken.delete(session.token);
    this.#byMaster.delete(session.masterToken);
    session.token = newToken();
    session.masterToken = newToken();
    this.#issue(session);
    return session;
  }

  close(session: Session): void {
    this.#byToken.delete(session.token);
    this.#byMaster.delete(session.masterToken);
  }

  /** Ends the life of every session token, or of every master token, at once. */
  expire(which: "session" | "master"): void {
    for (const session of this.#byToken.values()) {
      session.tokenExpires = 0;
      if (which === "master") session.masterExpires = 0;
    }
  }

  all(): Session[] {
    return [...this.#byToken.values()];
  }

  #issue(session: Session): void {
    session.tokenExpires = Date.now() + this.#lifetimes.sessionSeconds * 1000;
    session.masterExpires = Date.now() + this.#lifetimes.masterSeconds * 1000;
    this.#byToken.set(session.token, session);
    this.#byMaster.set(session.masterToken, session);
  }
}

const tokenOf = (header: string | undefined) => /^Snowflake Token="(.*)"$/.exec(header ?? "")?.[1] ?? "";

const masterExpired = () =>
  new SnowflakeError("390114", "08001", "Authentication token has expired. The user must authenticate again.");
