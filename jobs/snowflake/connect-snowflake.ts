import { once } from "node:events";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import snowflake from "snowflake-sdk";
import { z } from "zod";
import type { Credentials, SnowflakeEnv } from "./snowflake-env.ts";
import { toLoginFailure, toSnowflakeFailure } from "./snowflake-failure.ts";
import { sessionSql } from "./sql.ts";

// Its log is a file in the working directory, and holds statements.
snowflake.configure({ logLevel: "OFF", additionalLogToConsole: false });

export interface SnowflakeOptions {
  env: SnowflakeEnv;
  credentials: Credentials;
  /** What Snowflake's history knows the statements by; at most 2,000 characters. */
  tag: string;
  /** After so long Snowflake ends a statement by itself. */
  statementSeconds: number;
  /** Cancels what is running, and refuses what comes after. */
  signal: AbortSignal;
}

/** A cell as the driver hands it out here: everything but truth values as text. */
export type Cell = string | boolean | null;

/** A session with Snowflake; all errors are JobFailures, or the signal's reason. */
export interface SnowflakeSession {
  /** Runs a statement whose rows are few; `doing` completes "Snowflake could not …" where it fails. */
  rows<T>(sql: string, row: z.ZodType<T>, doing: string): Promise<T[]>;
  /** The same, with cells by their position. */
  cells(sql: string, doing: string): Promise<(string | null)[][]>;
  /**
   * Hands out rows, whose cells go by position, with memory for a few of Snowflake's chunks; the next one comes once what
   * `take` has returned is resolved. What `take` fails with ends it as it is.
   */
  each(sql: string, doing: string, take: (row: Cell[]) => Promise<unknown> | undefined): Promise<void>;
  close(): Promise<void>;
}

const FETCH_AS_TEXT: snowflake.DataType[] = ["Number", "Date", "JSON", "Buffer"];
const APPLICATION = "corral";
/** The driver waits a minute and more between its later attempts; Postgres can wait for free. */
const LOGIN_RETRIES = 3;

/** Logs in. What is typed into SQL is the same for every account: time zone, formats and types are set, not assumed. */
export async function connectSnowflake(options: SnowflakeOptions): Promise<SnowflakeSession> {
  const { env, credentials, tag, signal } = options;
  const connection = openConnection({
    account: env.SNOWFLAKE_ACCOUNT,
    database: env.SNOWFLAKE_DATABASE,
    application: APPLICATION,
    queryTag: tag,
    sfRetryMaxLoginRetries: LOGIN_RETRIES,
    representNullAsStringNull: false,
    rowStreamHighWaterMark: 1000,
    clientSessionKeepAlive: true,
    ...(env.SNOWFLAKE_URL === undefined ? {} : { accessUrl: env.SNOWFLAKE_URL }),
    ...(env.SNOWFLAKE_WAREHOUSE === undefined ? {} : { warehouse: env.SNOWFLAKE_WAREHOUSE }),
    ...(env.SNOWFLAKE_ROLE === undefined ? {} : { role: env.SNOWFLAKE_ROLE }),
    ...loginOf(credentials),
  });
  const session = new Session(connection, signal);
  await session.connect();
  try {
    for (const sql of sessionSql(options)) await session.cells(sql, "take the session's settings");
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** The driver looks at what it is given before it asks anybody: a key, for one, may be none. */
function openConnection(options: snowflake.ConnectionOptions): snowflake.Connection {
  try {
    return snowflake.createConnection(options);
  } catch (error) {
    throw toLoginFailure(error);
  }
}

function loginOf(credentials: Credentials): Partial<snowflake.ConnectionOptions> {
  if (credentials.kind === "password") return { username: credentials.user, password: credentials.password };
  if (credentials.kind === "key_pair") {
    const { user, privateKey, passphrase } = credentials;
    return {
      username: user,
      authenticator: "SNOWFLAKE_JWT",
      privateKey,
      ...(passphrase === undefined ? {} : { privateKeyPass: passphrase }),
    };
  }
  const { user, token, authenticator } = credentials;
  return { authenticator, token, ...(user === undefined ? {} : { username: user }) };
}

class Session implements SnowflakeSession {
  readonly #connection: snowflake.Connection;
  readonly #signal: AbortSignal;

  constructor(connection: snowflake.Connection, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
  }

  async connect(): Promise<void> {
    this.#signal.throwIfAborted();
    await settle((done) => this.#connection.connect((error) => done(error, undefined))).catch((error) => {
      throw toLoginFailure(error);
    });
  }

  async rows<T>(sql: string, row: z.ZodType<T>, doing: string): Promise<T[]> {
    return z.array(row).parse(await this.#all(sql, "object", doing));
  }

  async cells(sql: string, doing: string): Promise<(string | null)[][]> {
    const cells = z.array(z.array(z.union([z.string(), z.boolean().transform(String), z.null()])));
    return cells.parse(await this.#all(sql, "array", doing));
  }

  async each(sql: string, doing: string, take: (row: Cell[]) => Promise<unknown> | undefined): Promise<void> {
    const statement = await this.#execute<snowflake.RowStatement>(doing, (done) =>
      this.#connection.execute({
        sqlText: sql,
        streamResult: true,
        rowMode: "array",
        fetchAsString: FETCH_AS_TEXT,
        complete: (error, ran) => done(error, ran),
      }),
    );
    const rows = statement.streamRows({ fetchAsString: FETCH_AS_TEXT });
    const stop = () => rows.destroy(abortError(this.#signal));
    this.#signal.addEventListener("abort", stop, { once: true });
    try {
      await drain(rows, take);
    } catch (error) {
      this.#signal.throwIfAborted();
      throw error instanceof TakeError ? error.cause : toSnowflakeFailure(error, doing);
    } finally {
      this.#signal.removeEventListener("abort", stop);
      rows.destroy();
    }
  }

  /** Ends the session; one that has ended already, or cannot be told, ends by itself. */
  async close(): Promise<void> {
    await orLate((done) => this.#connection.destroy(() => done()));
  }

  #all(sql: string, rowMode: "array" | "object", doing: string): Promise<unknown[]> {
    return this.#execute<unknown[]>(doing, (done) =>
      this.#connection.execute({
        sqlText: sql,
        rowMode,
        fetchAsString: FETCH_AS_TEXT,
        complete: (error, _statement, rows) => done(error, rows ?? []),
      }),
    );
  }

  /** Runs a statement until it ends or the signal does; told to stop, it asks Snowflake to stop, too. */
  async #execute<T>(doing: string, start: (done: Done<T>) => snowflake.RowStatement): Promise<T> {
    this.#signal.throwIfAborted();
    const aborted = new AbortController();
    let statement: snowflake.RowStatement | undefined;
    const interrupted = once(this.#signal, "abort", { signal: aborted.signal }).then(
      async () => {
        await cancel(statement);
        return this.#signal.throwIfAborted();
      },
      () => undefined,
    );
    try {
      const ended = settle<T>((done) => {
        statement = start(done);
      });
      ended.catch(() => undefined);
      await Promise.race([ended, interrupted]);
      return await ended;
    } catch (error) {
      // What a cancelled statement fails with is our own doing.
      this.#signal.throwIfAborted();
      throw toSnowflakeFailure(error, doing);
    } finally {
      aborted.abort();
    }
  }
}

/** Whoever takes the rows failed, not Snowflake. */
class TakeError extends Error {}

/**
 * Gives each row away as soon as the driver has made it: a promise per row would take longer than the row, and those
 * that wait in a buffer outlive the collection of young objects, which costs most.
 */
async function drain(rows: Readable, take: (row: Cell[]) => Promise<unknown> | undefined): Promise<void> {
  const fail = (cause: unknown) => void rows.destroy(new TakeError("", { cause }));
  rows.on("data", (row: Cell[]) => {
    // The driver pushes the rest of its chunk, whoever wants it.
    if (rows.destroyed) return;
    try {
      const wait = take(row);
      if (wait === undefined) return;
      rows.pause();
      wait.then(() => rows.resume(), fail);
    } catch (error) {
      fail(error);
    }
  });
  await finished(rows, { writable: false });
}

/** What a callback is called with, as a promise. */
function settle<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}

type Done<T> = (error: unknown, value: T) => void;

/** Asks Snowflake to stop a statement. */
async function cancel(statement: snowflake.RowStatement | undefined): Promise<void> {
  if (statement !== undefined) await orLate((done) => statement.cancel(() => done()));
}

const PATIENCE_MS = 2000;

/** Waits for what is only polite; not for long, since whoever told us to stop waits, and the driver asks many times. */
async function orLate(ask: (done: () => void) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([new Promise<void>((resolve) => ask(resolve)), late]);
  clearTimeout(timer);
}

function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("stopped", { cause: signal.reason });
}
