import { createHash, randomBytes, randomUUID } from "node:crypto";
import { vi } from "vitest";
import { firstOf } from "../../db/scene.ts";
import { startLane } from "../start-lane.ts";
import { storeSnapshot } from "./store-snapshot.ts";

export interface QueryRow extends Record<string, unknown> {
  id: string;
  state: string;
  attempt: number;
  run_id: string | null;
  preview: unknown[][] | null;
  row_count: string | null;
  result_object: string | null;
  error_code: string | null;
  error: string | null;
  receipt: Record<string, unknown> | null;
}

interface Submission {
  sql: string;
  parameters?: unknown;
  output_format?: "csv" | "json" | "parquet";
  limits?: Record<string, number>;
}

/** The queue and all that runners talk to, on a database of their own: tables with snapshots, swarms, callers. */
export async function startQueryLane() {
  const lane = await startLane();
  const { db, bucket } = lane;

  return {
    ...lane,

    /** A table with a snapshot, of what a SELECT makes. */
    async addTable(schema: string, table: string, select: string): Promise<string> {
      const version = `000000001-${randomUUID().slice(0, 4)}`;
      const folder = [schema, table, version].map(encodeURIComponent).join("/");
      const { columns, rowCount, sizeBytes } = await storeSnapshot(bucket, folder, select);
      const added = await db.sql<{ id: string }>(
        `with t as (insert into corral.tables (schema_name, table_name) values ($1, $2) returning id)
         insert into corral.snapshots (table_id, sync_id, version, folder, columns, row_count, size_bytes, moment, fixed_moment)
         select id, 1, $3, $4, $5, $6, $7, corral.now(), true from t returning table_id as id`,
        [schema, table, version, folder, JSON.stringify(columns), rowCount, sizeBytes],
      );
      const { id } = firstOf(added);
      await db.sql(
        "update corral.tables t set snapshot_id = s.id from corral.snapshots s where s.table_id = t.id and t.id = $1",
        [id],
      );
      return id;
    },

    grant: (
      table: string,
      swarm: string,
      { hidden = [], masked = [] }: { hidden?: string[]; masked?: string[] } = {},
    ) => db.sql("select corral.put_grant($1, $2, $3, $4)", [table, swarm, hidden, masked]),

    /** An agent of a swarm, who submits queries; answers their ids. */
    async addAgent(swarm: string, limits: Record<string, number> = {}) {
      const hashes = ["swarm", "agent"].map(() => createHash("sha256").update(randomBytes(32)).digest("hex"));
      const options = JSON.stringify({ concurrent_queries: 10_000, requests_per_minute: 100_000, ...limits });
      await db.sql(
        `insert into corral.tokens (swarm_id, type, agent, hash, limits)
         select corral.ensure_swarm($1), t.type::corral.token_type, t.agent, decode(t.hash, 'hex'), $4
           from (values ('swarm', null, $2), ('agent', 'tester', $3)) t (type, agent, hash)`,
        [swarm, ...hashes, options],
      );
      return async (query: Submission): Promise<string> => {
        const admitted = await db.sql<{ call_id: string }>(
          "select * from public.admit_call('POST', '/api/v1/queries/execute', $1, false, $2, $3)",
          [randomUUID(), ...hashes],
        );
        const submitted = await db.sql<{ query_id: string }>("select * from public.submit_query($1, $2)", [
          firstOf(admitted).call_id,
          JSON.stringify(query),
        ]);
        return firstOf(submitted).query_id;
      };
    },

    /** Starts the containers that wait to be started, as dispatch would. */
    async launchRunners(env: Record<string, string> = {}) {
      const runs = await db.sql<{ id: string }>(
        "select id from corral.runs where kind = 'query' and state = 'queued' order by id",
      );
      const local = { QUERY_MEMORY_MB: "512", QUERY_CONCURRENCY: "2", QUERY_WARM_CHILDREN: "2", ...env };
      return Promise.all(runs.map(async ({ id }) => ({ run: id, job: await lane.launch(id, "query", local) })));
    },

    readQuery,

    /** Resolves when a query runs. */
    runningOf: (id: string) =>
      vi.waitUntil(async () => (await readQuery(id)).state === "running", { timeout: 60_000, interval: 20 }),

    /** A query's row when it is over. */
    async endOf(id: string, patienceMs = 60_000): Promise<QueryRow> {
      const isOver = ({ state }: QueryRow) => state !== "pending" && state !== "running";
      return vi.waitUntil(() => readQuery(id).then((query) => isOver(query) && query), {
        timeout: patienceMs,
        interval: 20,
      });
    },
  };

  async function readQuery(id: string): Promise<QueryRow> {
    return firstOf(await db.sql<QueryRow>("select * from corral.queries where id = $1", [id]));
  }
}

export type QueryLane = Awaited<ReturnType<typeof startQueryLane>>;
