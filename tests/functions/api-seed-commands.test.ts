import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startDataScene } from "./start-data-scene.ts";

const run = promisify(execFile);
const HAS_CURL = spawnSync("curl", ["--version"]).status === 0;
if (!HAS_CURL) console.warn("The reference API's commands are not run: there is no curl here.");
const LOGIN = { email: "your_admin_username", password: "your_admin_password" };

let scene: Awaited<ReturnType<typeof startDataScene>>;
beforeAll(async () => {
  scene = await startDataScene();
  const id = crypto.randomUUID();
  await scene.functions("/auth/register", { method: "POST", body: { ...LOGIN, email: `${id}@example.org` } });
  await scene.db.sql(
    `update auth.users set email = $2, raw_app_meta_data = raw_app_meta_data || '{"corral_role": "admin"}'
      where email = $1`,
    [`${id}@example.org`, LOGIN.email],
  );
});
afterAll(() => scene.close());
beforeEach(() => setOpenAdmin(false));

/** A table as Snowflake tells of it. */
const IN_SNOWFLAKE = { row_count: 3, size_bytes: 1024, last_modified: null };

const setOpenAdmin = (open: boolean) => scene.db.sql("update corral.settings set open_admin = $1", [open]);

/** Runs a command as it stands in the reference, but for the address, and what it says in place of others. */
async function sh(command: string, words: Record<string, string> = {}) {
  let text = command.replaceAll("http://localhost:8000", scene.url);
  for (const [word, meant] of Object.entries(words)) text = text.replaceAll(word, meant);
  const { stdout } = await run("sh", ["-c", text.replace(/^curl/, 'curl -s -w "\\n%{http_code}"')]);
  const cut = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(cut + 1)), body: JSON.parse(stdout.slice(0, cut)) };
}

describe.skipIf(!HAS_CURL)("the examples without a token", () => {
  const EXECUTE = `curl -X POST "http://localhost:8000/api/v1/queries/" \\
     -H "Content-Type: application/json" \\
     -d '{"query": "SELECT * FROM my_table LIMIT 10", "output_format": "CSV"}'`;
  const QUERY = `curl "http://localhost:8000/api/v1/queries/{job_id}"`;
  const START = `curl -X POST "http://localhost:8000/api/v1/sync/start" \\
     -H "Content-Type: application/json" \\
     -d '{"table_name": "my_table", "schema_name": "my_schema", "strategy": "FULL"}'`;
  const SYNC = `curl "http://localhost:8000/api/v1/sync/jobs/{sync_id}"`;

  test("work one after the other where whoever has none is an admin", async () => {
    await setOpenAdmin(true);
    const query = await sh(EXECUTE);
    expect(query.body).toMatchObject({ query_id: expect.any(String), task_id: expect.any(String), status: "pending" });
    await scene.completeQuery(await scene.claimQuery(), { content: "ID,NAME\n0,name 0\n" });
    expect(await sh(QUERY, { "{job_id}": query.body.query_id })).toMatchObject({
      status: 200,
      body: {
        job_id: query.body.query_id,
        status: "completed",
        result_file: expect.stringMatching(/^http/),
        error: null,
      },
    });
    // Nobody registered it.
    const starting = sh(START);
    await scene.publishCatalog("MY_SCHEMA", [{ table_name: "MY_TABLE", ...IN_SNOWFLAKE }]);
    const sync = await starting;
    expect(sync).toMatchObject({
      status: 200,
      body: { table_name: "MY_TABLE", schema_name: "MY_SCHEMA", strategy: "full", status: "pending" },
    });
    expect(await sh(SYNC, { "{sync_id}": String(sync.body.sync_id) })).toMatchObject({
      status: 200,
      body: { sync_id: sync.body.sync_id, job_id: sync.body.sync_id, status: "pending", error: null },
    });
  });

  test("are answered 401 elsewhere", async () => {
    for (const command of [EXECUTE, QUERY, START, SYNC]) expect((await sh(command)).status).toBe(401);
  });
});

describe.skipIf(!HAS_CURL)("the examples with a token", () => {
  test("work one after the other", async () => {
    const signedIn = await sh(`curl -X POST "http://localhost:8000/api/v1/auth/token" \\
  -H "Content-Type: application/x-www-form-urlencoded" \\
  -d "username=your_admin_username&password=your_admin_password"`);
    expect(signedIn.body).toMatchObject({ token_type: "bearer", expires_in: expect.any(Number) });
    const token = { your_access_token: String(signedIn.body.access_token) };

    const tables = await sh(
      `curl -X GET "http://localhost:8000/api/v1/sync/tables" \\
  -H "Authorization: Bearer your_access_token"`,
      token,
    );
    expect(tables).toMatchObject({ status: 200, body: [{ table_name: "MY_TABLE", schema_name: "MY_SCHEMA" }] });

    const registering = sh(
      `curl -X POST "http://localhost:8000/api/v1/sync/tables/register" \\
  -H "Authorization: Bearer your_access_token" \\
  -H "Content-Type: application/json" \\
  -d '{
    "table_name": "your_table",
    "schema_name": "your_schema"
  }'`,
      token,
    );
    await scene.publishCatalog("YOUR_SCHEMA", [{ table_name: "YOUR_TABLE", ...IN_SNOWFLAKE }]);
    const table = { table_name: "YOUR_TABLE", schema_name: "YOUR_SCHEMA" };
    expect(await registering).toMatchObject({ status: 200, body: { ...table, status: "active" } });

    const sync = await sh(
      `curl -X POST "http://localhost:8000/api/v1/sync/start" \\
  -H "Authorization: Bearer your_access_token" \\
  -H "Content-Type: application/json" \\
  -d '{
    "table_name": "your_table",
    "schema_name": "your_schema",
    "strategy": "full"
  }'`,
      token,
    );
    expect(sync).toMatchObject({ status: 200, body: { ...table, strategy: "full", status: "pending" } });
    const { run: id, attempt } = await scene.startRun("snowflake-to-duckdb", String(sync.body.sync_id));
    const columns = [{ name: "ID", type: "BIGINT", source_type: "NUMBER(38,0)", nullable: false }];
    const moment = { moment: "2026-11-21T08:00:00Z", fixed_moment: true };
    const snapshot = { columns, row_count: 3, size_bytes: 4096, ...moment, stats: { rows_read: 3 } };
    await scene.asService("select public.publish_snapshot($1, $2, $3)", [id, attempt, JSON.stringify(snapshot)]);
    const done = await sh(
      `curl -X GET "http://localhost:8000/api/v1/sync/jobs/{job_id}" \\
  -H "Authorization: Bearer your_access_token"`,
      { ...token, "{job_id}": String(sync.body.job_id) },
    );
    expect(done).toMatchObject({ status: 200, body: { status: "completed", stats: { rows_read: 3 }, error: null } });

    const query = await sh(
      `curl -X POST "http://localhost:8000/api/v1/queries/execute" \\
  -H "Authorization: Bearer your_access_token" \\
  -H "Content-Type: application/json" \\
  -d '{
    "query": "SELECT * FROM your_table LIMIT 10",
    "output_format": "csv"
  }'`,
      token,
    );
    expect(query.body).toMatchObject({ query_id: expect.any(String), status: "pending" });
    await scene.completeQuery(await scene.claimQuery(), { content: "ID\n1\n" });
    const result = await sh(
      `curl -X GET "http://localhost:8000/api/v1/queries/jobs/{query_id}" \\
  -H "Authorization: Bearer your_access_token"`,
      { ...token, "{query_id}": query.body.query_id },
    );
    expect(result).toMatchObject({ status: 200, body: { status: "completed", error: null } });
    expect(await (await fetch(result.body.result_file)).text()).toBe("ID\n1\n");
  });
});
