import { Buffer } from "node:buffer";
import { z } from "zod";
import type { Cloud } from "../cloud.ts";
import { formatBytes, formatDuration, formatTable } from "../text-table.ts";
import { addBirdstrikes } from "./add-birdstrikes.ts";
import { callDataApi, type DataApiOptions, Refusal } from "./call-data-api.ts";
import { reportAudit } from "./report-audit.ts";

const SWARM = "analysts";
const TABLES = ["FLIGHTS", "AIRPORTS", "BIRDSTRIKES"];
const FORBIDDEN = "MOVIES";
/** The table that grows, and how its syncs follow it. */
const GROWING = "BIRDSTRIKES";
const INCREMENTAL = { strategy: "incremental", incremental_key: "FLIGHT_DATE", append: true };
const POLL_MS = 200;
const LIMIT_MS = 120_000;
const NEW_ROWS = 250;

const DELAYS = `select a.city, a.state, count(*) as flights, round(avg(f.delay), 1) as mean_delay
  from flights f join airports a on a.iata = f.origin
 group by all having count(*) > 20000 order by mean_delay desc limit 5`;

const login = z.object({ access_token: z.string() });
const token = z.object({ token: z.string() });
const sync = z.object({
  sync_id: z.int(),
  status: z.enum(["pending", "running", "completed", "failed", "cancelled"]),
  error: z.string().nullable(),
  stats: z.looseObject({ rows_read: z.number().optional(), path: z.string().optional() }).nullable(),
  started_at: z.string().nullable(),
  completed_at: z.string().nullable(),
});
const status = z.object({ row_count: z.int(), size_bytes: z.int() });
const profile = z.object({
  row_count: z.int(),
  columns: z.array(
    z.object({ name: z.string(), type: z.string(), null_share: z.number(), distinct_count: z.int().nullable() }),
  ),
});
const query = z.object({
  query_id: z.string(),
  status: z.string(),
  columns: z.array(z.object({ name: z.string() })).nullable(),
  preview: z.array(z.array(z.unknown())).nullable(),
  row_count: z.int().nullable(),
  result_bytes: z.int().nullable(),
  error: z.string().nullable(),
});
const artifact = z.object({ artifact_id: z.string(), name: z.string(), expires_at: z.string() });
const artifacts = z.array(artifact);
/**
 * Has an admin bring tables of Snowflake into the bucket and let a swarm see them; one agent samples and profiles, the
 * other queries, both share an artifact, what they may not see they do not get, and all of it is on record.
 */
export async function runDataLane(cloud: Cloud, out: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  const { functions_url: url, admin } = cloud.info;
  const ask = async (path: string, options: DataApiOptions) => {
    signal.throwIfAborted();
    return callDataApi(url, path, options);
  };
  const read = async <T>(schema: z.ZodType<T>, path: string, options: DataApiOptions) =>
    schema.parse(await (await ask(path, options)).json());

  out.write(`\nAn admin brings ${TABLES.length} tables of Snowflake into the bucket, for the swarm "${SWARM}".\n\n`);
  const form = new URLSearchParams({ username: admin.email, password: admin.password });
  const asAdmin = { token: (await read(login, "auth/token", { body: form })).access_token };
  for (const table_name of TABLES) {
    const body = { action: "add", schema_name: "PUBLIC", table_name, swarm: SWARM };
    await ask("admin/tables", { ...asAdmin, body });
  }
  // Registered and synced like the others, but granted to nobody.
  await ask("sync/tables/register", { ...asAdmin, body: { schema_name: "PUBLIC", table_name: FORBIDDEN } });

  const runSync = async (table_name: string, options: object): Promise<string[]> => {
    const startedAt = performance.now();
    const body = { schema_name: "PUBLIC", table_name, ...options };
    let current = await read(sync, "sync/start", { ...asAdmin, body });
    while (current.status === "pending" || current.status === "running") {
      if (performance.now() - startedAt > LIMIT_MS) throw new Error(`the sync of ${table_name} does not end`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      current = await read(sync, `sync/jobs/${current.sync_id}`, asAdmin);
    }
    if (current.status !== "completed")
      throw new Error(`the sync of ${table_name} ${current.status}: ${current.error}`);
    const { row_count, size_bytes } = await read(status, `sync/tables/PUBLIC/${table_name}/status`, asAdmin);
    const took = formatDuration(performance.now() - startedAt);
    return [table_name, `${current.stats?.rows_read ?? ""}`, `${row_count}`, formatBytes(size_bytes), took];
  };
  const strategyOf = (table: string) => (table === GROWING ? INCREMENTAL : { strategy: "full" });
  const first = await Promise.all([...TABLES, FORBIDDEN].map((table) => runSync(table, strategyOf(table))));
  await addBirdstrikes(cloud.info, NEW_ROWS);
  const second = await runSync(GROWING, INCREMENTAL);
  const header = ["table", "rows read", "rows", "snapshot", "sync"];
  out.write(`${formatTable(header, [...first, [`${GROWING}, again`, ...second.slice(1)]])}\n`);
  const before = Number(first.find(([table]) => table === GROWING)?.[2]);
  if (Number(second[2]) !== before + NEW_ROWS || Number(second[1]) >= before) {
    throw new Error(
      `${GROWING} has ${second[2]} rows of which ${second[1]} were read, after ${before} and ${NEW_ROWS} new ones`,
    );
  }

  const issue = async (type: string, agent?: string) =>
    (await read(token, "admin/tokens", { ...asAdmin, body: { type, swarm: SWARM, agent } })).token;
  const swarmToken = await issue("swarm");
  const ada = { token: `${swarmToken};${await issue("agent", "ada")}` };
  const blaise = { token: `${swarmToken};${await issue("agent", "blaise")}` };

  const flights = { schema_name: "PUBLIC", table_name: "FLIGHTS" };
  const sample = await read(z.array(z.record(z.string(), z.unknown())), "data/sample", {
    ...ada,
    body: { ...flights, sample_type: "random", sample_size: 3, seed: 7 },
  });
  if (sample.length !== 3) throw new Error(`a sample of 3 rows has ${sample.length}`);
  out.write(`\nada draws 3 rows of FLIGHTS, and reads its profile:\n\n`);
  out.write(
    `${formatTable(
      Object.keys(sample[0] ?? {}),
      sample.map((row) => Object.values(row).map(String)),
    )}\n\n`,
  );
  const described = await read(profile, "data/profile", { ...ada, body: flights });
  out.write(
    `${formatTable(
      ["column", "type", "null", "distinct"],
      described.columns.map((column) => [
        column.name,
        column.type,
        `${(column.null_share * 100).toFixed(1)} %`,
        `${column.distinct_count ?? ""}`,
      ]),
    )}\n`,
  );

  out.write("\nblaise asks where flights leave late, and takes the answer as CSV and as Parquet:\n\n");
  const ran = await read(query, "queries/execute", {
    ...blaise,
    body: { query: DELAYS, output_format: "CSV" },
    headers: { prefer: "wait=60" },
  });
  if (ran.status !== "completed") throw new Error(`the query is ${ran.status}: ${ran.error}`);
  const csv = await (await ask(`queries/${ran.query_id}/result`, blaise)).text();
  const [names = "", ...lines] = csv.trim().split(/\r?\n/);
  out.write(
    `${formatTable(
      names.split(","),
      lines.map((line) => line.split(",")),
    )}\n`,
  );
  if (lines.length !== 5) throw new Error(`the CSV has ${lines.length} rows, not 5`);
  const again = await read(query, "queries/execute", {
    ...blaise,
    body: { query: DELAYS, output_format: "parquet" },
    headers: { prefer: "wait=60" },
  });
  const parquet = Buffer.from(await (await ask(`queries/${again.query_id}/result`, blaise)).arrayBuffer());
  if (parquet.toString("latin1", 0, 4) !== "PAR1") throw new Error("the Parquet file is none");
  out.write(`Parquet: ${formatBytes(parquet.length)}, ${again.row_count} rows\n`);

  const body = {
    name: "late.csv",
    type: "report",
    format: "csv",
    content: Buffer.from(csv).toString("base64"),
    tags: ["delays"],
  };
  const shared = await read(artifact, "artifacts", { ...blaise, body });
  const [found] = await read(artifacts, "artifacts?tags=delays", ada);
  const content = await (await ask(`artifacts/${shared.artifact_id}/content`, ada)).text();
  if (found?.artifact_id !== shared.artifact_id || content !== csv)
    throw new Error("ada does not find what blaise shared");
  out.write(
    `\nblaise shares ${shared.name}, ada reads it. It stays until ${shared.expires_at.slice(0, 10)}, or longer if it is used.\n`,
  );

  const refused = await ask("data/sample", { ...ada, body: { schema_name: "PUBLIC", table_name: FORBIDDEN } }).catch(
    (error: unknown) => error,
  );
  if (!(refused instanceof Refusal) || refused.status !== 404) throw new Error(`ada gets ${FORBIDDEN}`);
  out.write(`ada asks for ${FORBIDDEN}, which nobody granted: ${refused.message}\n\n`);

  reportAudit(await (await ask(`admin/audit?swarm=${SWARM}&limit=100`, asAdmin)).json(), out);
}
