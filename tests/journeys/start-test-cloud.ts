import { Storage } from "@google-cloud/storage";
import type pg from "pg";
import type { Cloud } from "../../local/cloud.ts";
import type { CloudOptions } from "../../local/cloud-options.ts";
import { openPool } from "../../local/gateway/open-pool.ts";
import { startThrowAwayCloud } from "../../local/start-throw-away-cloud.ts";

export interface TestCloud extends Cloud {
  /** Runs one statement with the most rights there are. */
  sql<T extends pg.QueryResultRow>(text: string, params?: unknown[]): Promise<T[]>;
  /** Names of the objects under a prefix of the bucket. */
  list(prefix: string): Promise<string[]>;
  /** An object's content. */
  read(object: string): Promise<string>;
  /** Puts an object into the bucket. */
  save(object: string, content: string): Promise<void>;
  /** What every part of the cloud has logged, a line each, with its part's name in front. */
  lines: string[];
}

/** Starts a whole local cloud of its own for a test file. */
export async function startTestCloud(options: Partial<Pick<CloudOptions, "openAdmin">> = {}): Promise<TestCloud> {
  const lines: string[] = [];
  const cloud = await startThrowAwayCloud((part) => (line) => lines.push(`${part}: ${line}`), options);
  const pool = openPool({ connectionString: cloud.adminUrl, max: 2 });
  const bucket = new Storage({ apiEndpoint: cloud.info.storage_endpoint, projectId: "corral-local" }).bucket(
    cloud.info.bucket,
  );
  return {
    ...cloud,
    lines,
    sql: async <T extends pg.QueryResultRow>(text: string, params: unknown[] = []) =>
      (await pool.query<T>(text, params)).rows,
    list: async (prefix) => (await bucket.getFiles({ prefix }))[0].map(({ name }) => name),
    read: async (object) => (await bucket.file(object).download())[0].toString("utf8"),
    save: (object, content) => bucket.file(object).save(content),
    close: async () => {
      await pool.end();
      await cloud.close();
    },
  };
}
