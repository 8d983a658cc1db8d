import { callDataApi, type DataApiOptions, Refusal } from "../../local/demo/call-data-api.ts";
import type { TestCloud } from "./start-test-cloud.ts";
import { waitFor } from "./wait-for.ts";

export interface Answer {
  status: number;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: replies are looked at as tests expect them to be
  body: any;
}

/** Calls the data API and resolves to whatever it answers, refusals too. */
export async function ask(cloud: TestCloud, path: string, options: DataApiOptions = {}): Promise<Answer> {
  try {
    const reply = await callDataApi(cloud.info.functions_url, path, options);
    const text = await reply.text();
    return {
      status: reply.status,
      text,
      body: /json/.test(reply.headers.get("content-type") ?? "") ? JSON.parse(text) : text,
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, text: error.detail, body: { detail: error.detail } };
  }
}

/** Signs in as the cloud's admin; resolves to what goes after `Bearer `. */
export async function signInAdmin(cloud: TestCloud): Promise<string> {
  const { email, password } = cloud.info.admin;
  const { body } = await ask(cloud, "auth/token", { body: new URLSearchParams({ username: email, password }) });
  return body.access_token;
}

/** Syncs a table of schema PUBLIC, and resolves to the sync once it is over. */
export async function syncTable(cloud: TestCloud, token: string, table_name: string, options: object = {}) {
  const body = { schema_name: "PUBLIC", table_name, strategy: "full", ...options };
  const started = await ask(cloud, "sync/start", { token, body });
  if (started.status !== 200) throw new Error(`sync/start answered ${started.status}: ${started.text}`);
  return waitFor(async () => {
    const { body: sync } = await ask(cloud, `sync/jobs/${started.body.sync_id}`, { token });
    return ["completed", "failed", "cancelled"].includes(sync.status) ? sync : undefined;
  });
}

/** Makes both tokens of a new agent of a swarm; resolves to what goes after `Bearer `. */
export async function makeAgent(cloud: TestCloud, admin: string, swarm: string, agent: string): Promise<string> {
  const issue = async (type: string) =>
    (
      await ask(cloud, "admin/tokens", {
        token: admin,
        body: { type, swarm, agent: type === "agent" ? agent : undefined },
      })
    ).body.token;
  return `${await issue("swarm")};${await issue("agent")}`;
}
