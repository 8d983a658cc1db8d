import { z } from "zod";
import { authenticate, type SnowflakeUser } from "./authenticate.ts";
import { bindings } from "./bind-values.ts";
import { type Engine, execute } from "./execute.ts";
import type { Query } from "./queries.ts";
import { ROLES, type Session, type Sessions } from "./sessions.ts";
import { noSuchLoginRole, SnowflakeError } from "./snowflake-error.ts";
import { dropStored } from "./statements/create-table.ts";
import { rollback } from "./statements/transactions.ts";
import { refusal, resultJson, success } from "./wire.ts";

export interface Site {
  engine: Engine;
  sessions: Sessions;
  users: SnowflakeUser[];
  url: string;
  /** How long a request waits for its result before it is told to ask again. */
  holdMs: number;
}

export interface Call {
  query: URLSearchParams;
  authorization: string | undefined;
  body: unknown;
}

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);
const login = z.object({
  data: z
    .object({
      LOGIN_NAME: text,
      PASSWORD: text,
      TOKEN: text,
      AUTHENTICATOR: text,
      SESSION_PARAMETERS: z.record(z.string(), z.unknown()).nullish(),
    })
    .loose(),
});
const queryRequest = z
  .object({
    sqlText: z.string(),
    asyncExec: z.boolean().nullish(),
    describeOnly: z.boolean().nullish(),
    bindings: bindings.nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
  })
  .loose();
const abortRequest = z.object({ requestId: z.string() }).loose();

/**
 * POST /session/v1/login-request. A role must be there; a database or schema that is not leaves its place empty, and
 * warehouses go by any name. Snowflake checks those three only for clients that ask for it with the parameter
 * CLIENT_VALIDATE_DEFAULT_PARAMETERS, which Node's driver never does (snowflake-connector-nodejs, issue 423).
 */
export function handleLogin({ users, sessions, engine }: Site, { query, body }: Call) {
  const { data } = login.parse(body);
  const user = authenticate(users, {
    login: data.LOGIN_NAME,
    authenticator: data.AUTHENTICATOR ?? "SNOWFLAKE",
    password: data.PASSWORD,
    token: data.TOKEN,
  });
  const asked = (name: string) => unquote(query.get(name) ?? "");
  const role = asked("roleName");
  if (role !== undefined && !ROLES.has(role)) throw noSuchLoginRole(role);
  const session = sessions.open(user);
  session.parameters.adopt(data.SESSION_PARAMETERS ?? {});
  session.database = asked("databaseName");
  session.schema = asked("schemaName") ?? (session.database === undefined ? undefined : "PUBLIC");
  session.warehouse = asked("warehouse");
  session.role = role ?? session.role;
  const { catalog } = engine.warehouse;
  if (session.database !== undefined && catalog.database(session.database) === undefined) session.database = undefined;
  if (session.database === undefined || catalog.schema(session.database, session.schema ?? "") === undefined)
    session.schema = undefined;
  const { sessionSeconds, masterSeconds } = sessions.lifetimes;
  return success({
    masterToken: session.masterToken,
    token: session.token,
    validityInSeconds: sessionSeconds,
    masterValidityInSeconds: masterSeconds,
    displayUserName: user.login.toUpperCase(),
    serverVersion: "9.40.3",
    firstLogin: false,
    sessionId: Number(session.id),
    parameters: session.parameters.list(),
    sessionInfo: {
      ...{ databaseName: session.database ?? null, schemaName: session.schema ?? null },
      ...{ warehouseName: session.warehouse ?? null, roleName: session.role },
    },
  });
}

/** Names at login follow the rule for identifiers: upper case, unless they are quoted. */
function unquote(name: string): string | undefined {
  if (name === "") return undefined;
  return /^".*"$/.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name.toUpperCase();
}

/** POST /session/token-request: new tokens for the master token. */
export function handleRenewal({ sessions }: Site, { authorization }: Call) {
  const session = sessions.renew(authorization);
  const { sessionSeconds, masterSeconds } = sessions.lifetimes;
  return success({
    sessionToken: session.token,
    validityInSecondsST: sessionSeconds,
    masterToken: session.masterToken,
    validityInSecondsMT: masterSeconds,
    sessionId: Number(session.id),
  });
}

/** POST /queries/v1/query-request; the same request again, after a lost reply, does not run again. */
export async function handleQuery(site: Site, session: Session, { query: parameters, body }: Call): Promise<string> {
  const request = queryRequest.parse(body);
  const requestId = parameters.get("requestId") ?? undefined;
  const known = requestId === undefined ? undefined : site.engine.queries.byRequest(requestId);
  const query = known ?? startQuery(site, session, request, requestId);
  if (request.asyncExec === true) {
    const data = { queryId: query.id, getResultUrl: resultPath(query), queryAbortsAfterSecs: 300, progressDesc: null };
    return JSON.stringify({ data, code: "333334", message: "Asynchronous execution in progress.", success: true });
  }
  return replyTo(site, query, request.describeOnly === true);
}

function startQuery(
  { engine }: Site,
  session: Session,
  request: z.infer<typeof queryRequest>,
  requestId: string | undefined,
): Query {
  const { queries, warehouse } = engine;
  const query = queries.add(session, request.sqlText, requestId, warehouse.now());
  const count = request.parameters?.MULTI_STATEMENT_COUNT ?? session.parameters.get("MULTI_STATEMENT_COUNT");
  query.done = execute(engine, query, { bindings: request.bindings ?? {}, statementCount: Number(count ?? 1) });
  return query;
}

const resultPath = (query: Query) => `/queries/${query.id}/result`;

/** Waits for a query as long as a request may wait; code 333333 asks to come back. */
export async function replyTo(site: Site, query: Query, describeOnly = false): Promise<string> {
  const held = new AbortController();
  const late = new Promise<"late">((resolve) => {
    const timer = setTimeout(() => resolve("late"), site.holdMs);
    held.signal.addEventListener("abort", () => clearTimeout(timer));
  });
  const outcome = await Promise.race([query.done.then(() => "done" as const), late]);
  held.abort();
  if (outcome === "late") {
    const data = { queryId: query.id, getResultUrl: resultPath(query), progressDesc: null, queryAbortsAfterSecs: 300 };
    return JSON.stringify({ data, code: "333333", message: "Query execution in progress.", success: true });
  }
  if (query.error !== undefined) return JSON.stringify(refusal(query.error, query));
  return resultJson(query, query.session.parameters, site.url, describeOnly);
}

/** GET /queries/{id}/result. */
export function handleResult(site: Site, id: string): Promise<string> {
  return replyTo(site, findQuery(site, id));
}

export function findQuery({ engine }: Site, id: string): Query {
  const query = engine.queries.get(id);
  if (query === undefined) throw new SnowflakeError("000709", "02000", `Statement ${id} not found`);
  return query;
}

/** POST /queries/v1/abort-request and POST /queries/{id}/abort-request. */
export async function handleAbort(site: Site, id: string | undefined, { body }: Call) {
  const query =
    id === undefined ? site.engine.queries.byRequest(abortRequest.parse(body).requestId) : findQuery(site, id);
  if (query === undefined || query.status !== "RUNNING")
    throw new SnowflakeError("000605", "57014", "Identified SQL statement is not currently executing.");
  query.cancel();
  await query.done;
  return success(null);
}

/** GET /monitoring/queries/{id}. */
export function handleMonitoring(site: Site, id: string) {
  const query = site.engine.queries.get(id);
  if (query === undefined) return success({ queries: [] });
  return success({
    queries: [
      {
        id,
        status: query.status,
        state: query.status,
        ...{ errorCode: query.error?.code ?? null, errorMessage: query.error?.message ?? null },
        ...{
          startTime: query.started,
          endTime: query.ended ?? 0,
          sqlText: query.sql,
          sessionId: Number(query.session.id),
        },
        ...{ stats: { scanBytes: query.bytesScanned }, queryTag: query.tag },
      },
    ],
  });
}

/** POST /session?delete=true: open transactions are undone, temporary tables go. */
export async function handleLogout(site: Site, session: Session) {
  site.sessions.close(session);
  await rollback(session);
  const { warehouse } = site.engine;
  for (const table of warehouse.catalog.all("TABLE").filter(({ temporary }) => temporary === session.id)) {
    const connection = await warehouse.connect("UTC");
    await warehouse.exclusively(() => connection.run(dropStored(table)));
    await warehouse.catalog.put({ ...table, dropped: warehouse.now() });
    connection.closeSync();
  }
  return success(null);
}
