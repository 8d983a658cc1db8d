import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { firstOf, type Run } from "../db/scene.ts";
import { startFunctions } from "./start-functions.ts";

/** A table as Snowflake tells of it. */
export interface SourceTable {
  table_name: string;
  row_count: number | null;
  size_bytes: number | null;
  last_modified: string | null;
}

/** Of one call that is on record: how it began, what it was about, how it ended. */
export interface Recorded {
  event: "received" | "detail" | "finished";
  call_id: string;
  method: string | null;
  path: string | null;
  is_admin: boolean;
  user_id: string | null;
  swarm: string | null;
  agent: string | null;
  details: Record<string, unknown> | null;
  status: number | null;
  error_code: string | null;
  rows: string | null;
  bytes: string | null;
  milliseconds: number | null;
}

/** Starts the functions for tests of the data API: with an admin, and with whom containers would play. */
export async function startApi() {
  const functions = await startFunctions();
  const { db } = functions;
  const admin = await functions.createUser({ corral_role: "admin" });
  const asService = <T extends Record<string, unknown>>(text: string, params: unknown[]) =>
    db.as<T>("service_role", {}, text, params);

  /** Calls the data API, as the admin unless told otherwise. */
  const call = (path: string, options: Parameters<typeof functions.call>[1] = {}) =>
    functions.call(`/api/v1/${path}`, { token: admin.token, ...options });
  const post = (path: string, body: unknown, options: Parameters<typeof functions.call>[1] = {}) =>
    call(path, { method: "POST", body, ...options });

  const runsAbout = (kind: string, subject: string) =>
    db.sql<Run>("select * from corral.runs where kind = $1 and subject = $2 order by id desc", [kind, subject]);

  /** Plays a container's beginning: waits for a queued run about something, claims and starts it. */
  async function startRun(kind: string, subject: string): Promise<{ run: number; attempt: number }> {
    const queued = async () => (await runsAbout(kind, subject)).filter(({ state }) => state === "queued");
    await expect.poll(queued).toHaveLength(1);
    const run = Number(firstOf(await queued()).id);
    const { attempt } = firstOf(await asService<{ attempt: number }>("select * from public.claim_run($1)", [run]));
    await asService("select public.start_run($1, $2, 'container-1')", [run, attempt]);
    return { run, attempt };
  }

  return {
    ...functions,
    admin,
    /** Calls any function. */
    functions: functions.call,
    call,
    post,
    asService,
    runsAbout,
    startRun,

    /** Plays the container that looks at Snowflake. */
    async publishCatalog(schema: string, tables: SourceTable[]) {
      const { run, attempt } = await startRun("snowflake-catalog", schema);
      const schemas = [{ schema_name: schema, tables }];
      await asService("select public.publish_catalog($1, $2, $3)", [run, attempt, JSON.stringify(schemas)]);
    },

    /** A fresh schema of Snowflake's, with tables of these names; answers the schema's. */
    async addSchema(...tables: string[]): Promise<string> {
      const schema = `S${randomUUID().slice(0, 8).toUpperCase()}`;
      await db.sql("insert into corral.source_schemas values ($1, $1, corral.now())", [schema]);
      await db.sql("insert into corral.source_tables select $1, n, 3, 1024, null from unnest($2::text[]) n", [
        schema,
        tables,
      ]);
      return schema;
    },

    /** An agent's two tokens, as one bearer token, and their ids. */
    async createAgent(options: { swarm?: string; agent?: string; limits?: Record<string, number> } = {}) {
      const { swarm = `swarm-${randomUUID()}`, agent = `agent-${randomUUID()}`, limits } = options;
      const swarmToken = (await post("admin/tokens", { type: "swarm", swarm })).body;
      const agentToken = (await post("admin/tokens", { type: "agent", swarm, agent, limits })).body;
      return { swarm, agent, token: `${swarmToken.token};${agentToken.token}`, swarmToken, agentToken };
    },

    /** What is on record about a request, in order; it waits for the call's end. */
    async recordOf(headers: Headers): Promise<Recorded[]> {
      const read = () =>
        db.sql<Recorded & Record<string, unknown>>(
          `select a.* from corral.audit a join corral.audit c on c.id = a.call_id
            where c.request_id = $1 order by a.id`,
          [headers.get("x-request-id")],
        );
      const hasEnded = async () => (await read()).some(({ event }) => event === "finished");
      await expect.poll(hasEnded).toBe(true);
      return read();
    },
  };
}
