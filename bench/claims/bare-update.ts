import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runRounds } from "./contender.ts";
import { connect, connectMany } from "./start-arena.ts";

export const UPDATE_CLIENTS = 32;

export interface BareUpdate {
  /** What makes the updates. */
  by: "pgbench" | "node-postgres";
  /** Updates per second of clients that each write one row of their own, over and over, by a prepared statement. */
  measure(seconds: number): Promise<number>;
  close(): Promise<void>;
}

/** The least that a heartbeat can cost: one row found by its key and written HOT. */
export async function prepareBareUpdate(url: string): Promise<BareUpdate> {
  const admin = await connect(url);
  await admin.query(
    "create table agents (id int primary key, status text not null, last_seen_at timestamptz) with (fillfactor = 50)",
  );
  await admin.query("insert into agents select generate_series(0, $1::int - 1), 'IDLE', now()", [UPDATE_CLIENTS]);
  await admin.query("vacuum analyze agents");
  const folder = await mkdtemp(join(tmpdir(), "corral-pgbench-"));
  const script = join(folder, "update.sql");
  await writeFile(script, "update agents set status = 'WORKING', last_seen_at = now() where id = :client_id;\n");
  const hasPgbench = (await runPgbench(["--version"])) !== undefined;
  return {
    by: hasPgbench ? "pgbench" : "node-postgres",
    measure: (seconds) => (hasPgbench ? measureByPgbench(url, script, seconds) : measureByClients(url, seconds)),
    async close() {
      await admin.end();
      await rm(folder, { recursive: true });
    },
  };
}

async function measureByPgbench(url: string, script: string, seconds: number): Promise<number> {
  const duration = String(Math.max(1, Math.round(seconds)));
  const how = ["--no-vacuum", "--protocol=prepared", "--jobs=2", `--client=${UPDATE_CLIENTS}`, `--time=${duration}`];
  const output = await runPgbench([...how, `--file=${script}`, url]);
  const tps = /^tps = ([\d.]+) \(without/m.exec(output ?? "")?.[1];
  if (tps === undefined) throw new Error(`pgbench told no rate: ${output}`);
  return Number(tps);
}

/** Resolves to its output; to undefined when there is no pgbench. */
async function runPgbench(args: string[]): Promise<string | undefined> {
  const child = spawn("pgbench", args, { stdio: ["ignore", "pipe", "inherit"] });
  const failed = new Promise<undefined>((resolve) => child.once("error", () => resolve(undefined)));
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await Promise.race([once(child, "close").then(([code]) => Number(code)), failed]);
  if (code === undefined) return undefined;
  if (code !== 0) throw new Error(`pgbench failed with exit code ${code}`);
  return output;
}

async function measureByClients(url: string, seconds: number): Promise<number> {
  const clients = await connectMany(url, UPDATE_CLIENTS);
  const text = "update agents set status = 'WORKING', last_seen_at = now() where id = $1";
  const rounds = clients.map((client, id) => async () => {
    await client.query({ name: "beat", text, values: [id] });
    return 1;
  });
  await runRounds(rounds, { seconds: 1, tasks: Number.POSITIVE_INFINITY });
  const sample = await runRounds(rounds, { seconds, tasks: Number.POSITIVE_INFINITY });
  await Promise.all(clients.map((client) => client.end()));
  return sample.tasks / sample.seconds;
}
