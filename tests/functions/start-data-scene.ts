import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { firstOf } from "../db/scene.ts";
import { startApi } from "./start-api.ts";

type Cell = string | number | boolean | null;
type Row = Cell[];

interface SceneTable {
  schema?: string;
  table?: string;
  columns?: { name: string; type: string; source_type?: string }[];
  first?: Row[];
  random?: Row[];
  totalRows?: number;
  profile?: unknown;
  description?: string;
  tags?: string[];
}

interface Claimed extends Record<string, unknown> {
  query_id: string;
  sql: string;
  parameters: unknown;
  output_format: "csv" | "json" | "parquet";
  limits: Record<string, number>;
}

interface Outcome {
  columns?: { name: string; type: string }[];
  preview?: Row[];
  rowCount?: number;
  content?: string | Buffer;
  /** What it says to have read. */
  snapshots?: { table: string; version: string }[];
}

export const COLUMNS = [
  { name: "ID", type: "BIGINT" },
  { name: "NAME", type: "VARCHAR" },
];
export const numbered = (count: number): Row[] => Array.from({ length: count }, (_, id) => [id, `name ${id}`]);

/** Starts the data API for tests of what agents do: with tables that were synced, and with whom runners would play. */
export async function startDataScene() {
  const api = await startApi();
  const { db, bucket } = api;
  let runner: { run: number; attempt: number } | undefined;

  /** Plays a runner: waits for a query, and claims it. */
  async function claimQuery(): Promise<Claimed> {
    runner ??= await api.startRun("query", "runner-1");
    const { run, attempt } = runner;
    let claimed: Claimed[] = [];
    const claim = async () => {
      claimed = await api.asService<Claimed>("select * from public.claim_queries($1, $2, 1)", [run, attempt]);
      return claimed.length;
    };
    await expect.poll(claim, { interval: 5 }).toBe(1);
    return firstOf(claimed);
  }

  return {
    ...api,
    claimQuery,

    /** Calls the data API, and answers what came, redirects included. */
    fetch: (
      path: string,
      { token, body, ...init }: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
    ) =>
      fetch(`${api.url}/api/v1/${path}`, {
        method: body === undefined ? "GET" : "POST",
        redirect: "manual",
        ...init,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          authorization: `Bearer ${token ?? api.admin.token}`,
          ...init.headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),

    /** A table with a snapshot, as a sync would have left it. */
    async addTable(wishes: SceneTable = {}) {
      const { schema = "PUBLIC", table = `T_${randomUUID().slice(0, 8).toUpperCase()}`, columns = COLUMNS } = wishes;
      const first = wishes.first ?? numbered(3);
      const random = wishes.random ?? first;
      const totalRows = wishes.totalRows ?? Math.max(first.length, random.length);
      const version = `000000001-${randomUUID().slice(0, 4)}`;
      const folder = [schema, table, version].map(encodeURIComponent).join("/");
      const sample = {
        version,
        columns,
        total_rows: totalRows,
        first,
        random,
        is_first_cut: false,
        is_random_cut: false,
      };
      await bucket.file(`snapshots/${folder}/sample.json`).save(JSON.stringify({ ...sample, seed: 1 }));
      if (wishes.profile !== undefined) {
        await bucket.file(`snapshots/${folder}/profile.json`).save(JSON.stringify(wishes.profile));
      }
      const rows = await db.sql<{ id: string }>(
        `with t as (
           insert into corral.tables (schema_name, table_name, description, tags) values ($1, $2, $3, $4) returning id
         )
         insert into corral.snapshots (table_id, sync_id, version, folder, columns, row_count, size_bytes, moment, fixed_moment)
         select id, 1, $5, $6, $7, $8, 4096, '2026-11-21T12:00:00Z', true from t returning table_id as id`,
        [schema, table, wishes.description, wishes.tags ?? [], version, folder, JSON.stringify(columns), totalRows],
      );
      const { id } = firstOf(rows);
      await db.sql(
        "update corral.tables t set snapshot_id = s.id from corral.snapshots s where s.table_id = t.id and t.id = $1",
        [id],
      );
      return { id, schema, table, version, folder };
    },

    /** Lets a swarm see a table. */
    grant: (
      table: { id: string },
      swarm: string,
      { hidden = [], masked = [] }: { hidden?: string[]; masked?: string[] } = {},
    ) => db.sql("select corral.put_grant($1, $2, $3, $4)", [table.id, swarm, hidden, masked]),

    /** Plays a runner that has an answer, with its object in the bucket. */
    async completeQuery(
      query: Claimed,
      { columns = COLUMNS, preview = numbered(2), rowCount = 2, content = "[]", snapshots = [] }: Outcome = {},
    ) {
      if (runner === undefined) throw new Error("no runner");
      const object = `results/${query.query_id}-1.${query.output_format}`;
      await bucket.file(object).save(content);
      const result = {
        columns,
        preview,
        is_cut: rowCount > preview.length,
        row_count: rowCount,
        result_object: object,
        result_bytes: Buffer.byteLength(content),
        receipt: { sql_hash: "abc", snapshots, row_count: rowCount, result_hash: "def", seconds: 0.01 },
        stats: { seconds: 0.01 },
      };
      const { run, attempt } = runner;
      const text = "select public.complete_query($1, $2, $3, $4) as outcome";
      expect(await api.asService(text, [run, attempt, query.query_id, JSON.stringify(result)])).toEqual([
        { outcome: "completed" },
      ]);
    },

    /** Plays a runner that has none. */
    async failQuery(query: Claimed, code: string, message: string) {
      if (runner === undefined) throw new Error("no runner");
      const text = "select public.fail_query($1, $2, $3, $4, $5) as outcome";
      const { run, attempt } = runner;
      expect(await api.asService(text, [run, attempt, query.query_id, code, message])).toEqual([{ outcome: "failed" }]);
    },
  };
}
