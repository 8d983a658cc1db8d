import { getCatalogTask, publishCatalog } from "../../shared/db/catalog-task.ts";
import { connectDb } from "../../shared/db/connect-db.ts";
import { jobEnv, readEnv } from "../job-env.ts";
import { persist } from "../persist.ts";
import { controlRun } from "../run-control.ts";
import { type JobContext, runJob } from "../run-job.ts";
import { connectSnowflake } from "../snowflake/connect-snowflake.ts";
import { readCredentials, snowflakeEnv } from "../snowflake/snowflake-env.ts";
import { listSchemas } from "./run.ts";

const catalogEnv = jobEnv.omit({ STORAGE_BUCKET: true, STORAGE_ENDPOINT: true }).extend(snowflakeEnv.shape);
/** Somebody waits for the list. */
const STATEMENT_SECONDS = 60;

/** Runs the attempt that the environment names; resolves to the process's exit code. */
export async function start(processEnv: NodeJS.ProcessEnv, terminated: AbortSignal): Promise<number> {
  const env = readEnv(catalogEnv, processEnv);
  const credentials = readCredentials(env);
  const db = connectDb({ url: env.SUPABASE_URL, key: env.SUPABASE_SERVICE_ROLE_KEY });
  const log = (line: string) => void process.stdout.write(`${line}\n`);
  const tag = `corral:snowflake-catalog:${env.RUN_ID}:${env.RUN_ATTEMPT}`;

  async function work({ signal, heartbeat }: JobContext): Promise<void> {
    const task = await persist(() => getCatalogTask(db, env.RUN_ID, env.RUN_ATTEMPT));
    if (task.outcome === "stale") return log("stopped: the run is somebody else's by now");
    const session = await connectSnowflake({ env, credentials, tag, statementSeconds: STATEMENT_SECONDS, signal });
    try {
      const schemas = await listSchemas(session, env.SNOWFLAKE_DATABASE, task.schemaName);
      await heartbeat.finish();
      signal.throwIfAborted();
      const outcome = await persist(() => publishCatalog(db, env.RUN_ID, env.RUN_ATTEMPT, schemas));
      for (const { schemaName, tables } of schemas) log(`${outcome}: ${tables.length} tables of ${schemaName}`);
    } finally {
      await session.close();
    }
  }

  return runJob({
    control: controlRun(db, env.RUN_ID, env.RUN_ATTEMPT, env.CLOUD_RUN_EXECUTION),
    terminated,
    snapshot: () => ({ phase: "listing", progress: {} }),
    work,
    log,
  });
}
