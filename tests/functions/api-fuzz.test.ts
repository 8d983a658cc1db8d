import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../chaos/random.ts";
import { type DrawnRequest, drawRequest } from "./fuzz/draw-request.ts";
import type { Draw } from "./fuzz/draw-value.ts";
import { findMisfit } from "./fuzz/find-misfit.ts";
import type { ApiDescription, Operation } from "./fuzz/json-schema.ts";
import { COLUMNS, startDataScene } from "./start-data-scene.ts";

const SEED = 20_261_121;
const REQUESTS = 200;
const AT_ONCE = 8;
const MINUTES = 60_000;
const LOGIN = { email: "fuzzer@example.org", password: "correct horse" };

const FIGURES = {
  null_count: 1,
  null_share: 0.25,
  distinct_count: 3,
  distinct_is_exact: true,
  min: 1,
  max: 3,
  mean: 2,
};
const MORE_FIGURES = { std: 1, q25: 1, q50: 2, q75: 3, top_values: [{ value: 1, count: 1 }], histogram: null };
const PROFILE = {
  version: "1",
  row_count: 4,
  size_bytes: 4096,
  columns: COLUMNS.map((column) => ({ ...column, ...FIGURES, ...MORE_FIGURES })),
};

let api: Awaited<ReturnType<typeof startDataScene>>;
let description: ApiDescription;
let agent: Awaited<ReturnType<typeof api.createAgent>>;
let tables: Awaited<ReturnType<typeof api.addTable>>[];
beforeAll(async () => {
  api = await startDataScene();
  description = (await api.call("openapi.json", { token: undefined })).body;
  agent = await api.createAgent({ limits: { requests_per_minute: 1_000_000, concurrent_queries: 1000 } });
  tables = [await api.addTable({ table: "ORDERS", profile: PROFILE }), await api.addTable({ profile: PROFILE })];
  await api.functions("/auth/register", { method: "POST", body: LOGIN });
});
afterAll(() => api.close());

/** Plays the containers: one query has a result, others fail at once, and Snowflake has one table in every schema. */
async function playContainers() {
  await restore();
  await api.post("queries", { query: "select * from ORDERS" }, { token: agent.token });
  await api.completeQuery(await api.claimQuery());
  await api.db.sql(`
    create function public.look_at_once() returns trigger language plpgsql as $$
    begin
      insert into corral.source_schemas values (new.subject, new.subject, corral.now())
      on conflict (schema_name) do update set listed_at = excluded.listed_at;
      insert into corral.source_tables (schema_name, table_name) values (new.subject, 'ORDERS') on conflict do nothing;
      update corral.runs set state = 'succeeded', finished_at = corral.now() where id = new.id;
      return null;
    end $$;
    create trigger look_at_once after insert on corral.runs
      for each row when (new.kind = 'snowflake-catalog') execute function public.look_at_once();
    create function public.fail_at_once() returns trigger language plpgsql as $$
    begin
      new.state := 'failed'; new.finished_at := corral.now();
      new.error_code := 'sql_error'; new.error := 'There is no runner';
      return new;
    end $$;
    create trigger fail_at_once before insert on corral.queries
      for each row execute function public.fail_at_once()`);
}

/** Undoes what one operation's requests may have taken from the next one's. */
async function restore() {
  await api.db.sql("update corral.tokens set revoked_at = null where id in ($1, $2)", [
    agent.swarmToken.token_id,
    agent.agentToken.token_id,
  ]);
  await api.db.sql("update corral.tables set is_active = true");
  await api.db.sql(
    `update corral.queries set state = 'pending', finished_at = null
      where id in (select id from corral.queries where state in ('failed', 'cancelled') limit 10)`,
  );
  for (const table of tables) await api.grant(table, agent.swarm);
}

async function send({ path, ...init }: DrawnRequest, token: string) {
  const reply = await fetch(`${api.url}${path}`, {
    redirect: "manual",
    ...init,
    headers: { ...init.headers, authorization: `Bearer ${token}` },
  });
  return { status: reply.status, type: reply.headers.get("content-type") ?? "", text: await reply.text() };
}

/** What is wrong with a reply, by what the description promises of it; null when nothing is. */
function faultOf({ status, type, text }: Awaited<ReturnType<typeof send>>, { responses }: Operation): string | null {
  if (status >= 500) return `${status} ${text}`;
  const promised = responses[String(status)] ?? responses[`${String(status)[0]}XX`];
  if (promised === undefined) return `${status} is not described`;
  const [mediaType = ""] = type.split(";");
  if (promised.content === undefined) return null;
  const content = promised.content[mediaType];
  if (content === undefined) return `${status} has a body of type "${mediaType}", which is not described`;
  return mediaType === "application/json" ? findMisfit(JSON.parse(text), content.schema, description) : null;
}

test(
  "no request that anybody may think of is answered 5xx, nor otherwise than described",
  async () => {
    await playContainers();
    const random = new Random(SEED);
    const known = new Map<string, unknown[]>([
      ["schema", ["PUBLIC", "public"]],
      ["schema_name", ["PUBLIC", "public"]],
      ["table", tables.map(({ table }) => table)],
      ["table_name", tables.map(({ table }) => table)],
      ["swarm", ["default", agent.swarm]],
      ["columns", ["ID", "NAME"]],
      ["hidden_columns", [["ID"], []]],
      ["masked_columns", [["NAME"], []]],
      ["username", [LOGIN.email]],
      ["password", [LOGIN.password]],
      ["cron", ["*/5 * * * *", "30 seconds"]],
      ["query", [`select * from ${tables[0]?.table}`]],
      ["id", []],
    ]);
    const faults: string[] = [];
    const statuses = new Map<string, Map<number, number>>();
    for (const [path, methods] of Object.entries(description.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        await restore();
        known.set("id", await idsOf(path));
        const draw: Draw = { random: random.fork(), api: description, known };
        const isForAgents = operation.security?.some((one) => "agent" in one) === true;
        const seen = new Map<number, number>();
        statuses.set(operation.operationId, seen);
        const requests = Array.from({ length: REQUESTS }, () => {
          const token = isForAgents && draw.random.chance(0.7) ? agent.token : api.admin.token;
          return { token, request: drawRequest(path, method, operation, draw) };
        });
        while (requests.length > 0) {
          const batch = requests.splice(0, AT_ONCE).map(async ({ token, request }) => {
            const reply = await send(request, token);
            seen.set(reply.status, (seen.get(reply.status) ?? 0) + 1);
            const fault = faultOf(reply, operation);
            if (fault !== null) faults.push(`${method} ${request.path} ${request.body ?? ""}: ${fault}`.slice(0, 1000));
          });
          await Promise.all(batch);
        }
      }
    }
    expect(faults).toEqual([]);
    // What only ever refuses has tested nothing but refusals.
    for (const [operation, seen] of statuses) {
      const successes = [...seen].filter(([status]) => status < 400);
      expect.soft(successes, `${operation} was answered ${JSON.stringify([...seen])}`).not.toEqual([]);
    }
  },
  10 * MINUTES,
);

/** Of what a path is about, some ids that there are. */
async function idsOf(path: string): Promise<unknown[]> {
  const [kind = ""] = path.replace("/api/v1/", "").split("/{id}");
  const source = {
    "sync/jobs": "select id from corral.syncs order by id desc limit 20",
    "admin/tokens": `select id from corral.tokens where agent is null and id <> ${agent.swarmToken.token_id} limit 20`,
    "tasks/status": "select id::text from corral.runs limit 20",
    queries: "select id from corral.queries order by state <> 'completed', state <> 'pending' limit 4",
    "queries/jobs": "select id from corral.queries limit 12",
    artifacts: "select id from corral.artifacts limit 20",
  }[kind];
  if (source === undefined) return ["x"];
  const ids = (await api.db.sql<{ id: unknown }>(source)).map(({ id }) => id);
  return ids.length > 0 ? ids : ["x"];
}
