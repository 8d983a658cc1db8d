import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SnowflakeOptions, startSnowflake } from "../../../local/snowflake/start-snowflake.ts";
import { serveStorage } from "../storage/serve-storage.ts";

export const LOGIN = { login: "CORRAL", password: "local" };
export const BUCKET = "corral-snowflake";

/** Serves the stand-in from a folder of its own, with a Cloud Storage to unload into. */
export async function serveSnowflake(options: Partial<SnowflakeOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "corral-snowflake-test-"));
  const storage = await serveStorage();
  const bucket = await storage.bucket(BUCKET);
  const log: string[] = [];
  const start = (port: number) =>
    startSnowflake({
      port,
      dir: join(folder, "data"),
      users: [LOGIN],
      storage: { url: storage.url, bucket: BUCKET, integration: "GCS" },
      log: (line) => void log.push(line),
      ...options,
    });
  let server = await start(0);
  const { url } = server;
  return {
    url,
    bucket,
    /** Where results and files on their way out are. */
    scratch: join(folder, "data", "scratch"),
    log,
    get server() {
      return server;
    },
    /** Stops the server and starts it again on the same folder and port. */
    async restart() {
      await server.close();
      server = await start(Number(new URL(url).port));
    },
    async close() {
      await server.close();
      await storage.close();
      await rm(folder, { recursive: true });
    },
  };
}
