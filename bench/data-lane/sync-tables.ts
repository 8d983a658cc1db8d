import { z } from "zod";
import type { Cloud } from "../../local/cloud.ts";
import { callDataApi } from "../../local/demo/call-data-api.ts";

const POLL_MS = 50;

const login = z.object({ access_token: z.string() });
const sync = z.object({
  sync_id: z.int(),
  status: z.string(),
  error: z.string().nullable(),
  stats: z.record(z.string(), z.unknown()).nullable(),
  version: z.string().nullable(),
});
export type FinishedSync = z.infer<typeof sync>;

/** An admin of a cloud's data API. */
export interface DataAdmin {
  /** What goes after `Bearer `. */
  token: string;
  /** Registers a table of schema PUBLIC, and grants it to the swarm `default`. */
  allow(table: string): Promise<void>;
  /** Syncs it, and resolves once that is done; a sync that fails is thrown. */
  sync(table: string, options?: object): Promise<FinishedSync>;
}

/** Signs in as the local cloud's admin. */
export async function openDataAdmin({ info }: Cloud): Promise<DataAdmin> {
  const { functions_url: url, admin } = info;
  const form = new URLSearchParams({ username: admin.email, password: admin.password });
  const { access_token: token } = login.parse(await (await callDataApi(url, "auth/token", { body: form })).json());
  const table = (table_name: string) => ({ schema_name: "PUBLIC", table_name });
  return {
    token,
    async allow(name) {
      await callDataApi(url, "admin/tables", { token, body: { action: "add", ...table(name) } });
    },
    async sync(name, options = {}) {
      const body = { ...table(name), strategy: "full", ...options };
      let current = sync.parse(await (await callDataApi(url, "sync/start", { token, body })).json());
      while (current.status === "pending" || current.status === "running") {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        current = sync.parse(await (await callDataApi(url, `sync/jobs/${current.sync_id}`, { token })).json());
      }
      if (current.status !== "completed") throw new Error(`The sync of ${name} ${current.status}: ${current.error}`);
      return current;
    },
  };
}
