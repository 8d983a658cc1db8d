import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { addProject, addUser, sqlstateOf, statusOf } from "./scene.ts";

const DENIED = "42501";

let db: TestDatabase;
let ann: string;
let bob: string;
let annsProject: string;
let bobsProject: string;

beforeAll(async () => {
  db = await cloneDatabase();
  ann = await addUser(db, "ann@example.com");
  bob = await addUser(db, "bob@example.com");
  annsProject = (await addProject(db, { user_id: ann, name: "Ann's" })).id;
  bobsProject = (await addProject(db, { user_id: bob, name: "Bob's" })).id;
  for (const project of [annsProject, bobsProject]) {
    await db.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, 'a/b', $2)", [project, project]);
    await db.sql("insert into public.agent_logs (project_id, agent_name, message) values ($1, 'dataset', $2)", [
      project,
      project,
    ]);
  }
  for (const user of [ann, bob])
    await db.sql("insert into public.messages (user_id, role, content) values ($1, 'assistant', $2)", [user, user]);
});
afterAll(() => db.drop());

const asAnn = (statement: string, params: unknown[] = []) => db.as("authenticated", { sub: ann }, statement, params);

describe("a user", () => {
  test.each([
    ["users", "id", () => ann],
    ["projects", "id", () => annsProject],
    ["datasets", "project_id", () => annsProject],
    ["agent_logs", "project_id", () => annsProject],
    ["messages", "user_id", () => ann],
  ])("sees of %s his own rows only", async (table, column, own) => {
    expect(await asAnn(`select ${column} as id from public.${table}`)).toEqual([{ id: own() }]);
  });

  test("makes projects of his own, as whose they are recorded", async () => {
    const [project] = await asAnn("insert into public.projects (name) values ('New') returning id, user_id, status");
    expect(project).toMatchObject({ user_id: ann, status: "draft" });
    await asAnn("delete from public.projects where id = $1", [project?.id]);
    expect(await db.sql("select from public.projects where id = $1", [project?.id])).toEqual([]);
  });

  test("cannot make a project in another's name", async () => {
    const insert = asAnn("insert into public.projects (name, user_id) values ('Gift', $1)", [bob]);
    expect(await sqlstateOf(insert)).toBe(DENIED);
  });

  test("cannot give a project away", async () => {
    const update = asAnn("update public.projects set user_id = $1 where id = $2", [bob, annsProject]);
    expect(await sqlstateOf(update)).toBe(DENIED);
  });

  test("changes and deletes nothing of another's", async () => {
    const changed = await asAnn("update public.projects set status = 'failed' where id = $1 returning id", [
      bobsProject,
    ]);
    const deleted = await asAnn("delete from public.projects where id = $1 returning id", [bobsProject]);
    expect([changed, deleted]).toEqual([[], []]);
    expect(await statusOf(db, bobsProject)).toBe("draft");
  });

  test("cannot take over another's project by an upsert", async () => {
    const upsert = asAnn(
      `insert into public.projects (id, user_id, name) values ($1, $2, 'Mine now')
       on conflict (id) do update set name = excluded.name, user_id = excluded.user_id`,
      [bobsProject, ann],
    );
    expect(await sqlstateOf(upsert)).toBe(DENIED);
  });

  test("writes messages as a user, in his own name", async () => {
    const write = (user: string, role: string) =>
      asAnn("insert into public.messages (user_id, role, content) values ($1, $2, 'Hello')", [user, role]);
    expect(await sqlstateOf(write(ann, "user"))).toBeUndefined();
    expect(await sqlstateOf(write(ann, "assistant"))).toBe(DENIED);
    expect(await sqlstateOf(write(bob, "user"))).toBe(DENIED);
    const texts = await db.sql("select content from public.messages where user_id = $1 and role = 'user'", [ann]);
    expect(texts).toEqual([{ content: "Hello" }]);
  });

  test.each([
    ["insert into public.datasets (project_id, name, gcs_url) values ($1, 'x', 'y')"],
    ["update public.datasets set gcs_url = 'elsewhere' where project_id = $1"],
    ["delete from public.agent_logs where project_id = $1"],
    ["update public.messages set content = 'changed' where $1::uuid is not null"],
    ["update public.users set email = 'changed' where id <> $1"],
    ["select from corral.runs where project_id = $1"],
    ["select * from public.start_dataset($1, p_admin => true)"],
    ["select from corral.jobs where project_id = $1"],
    ["select from corral.agents_shown where $1::uuid is not null"],
    ["select * from public.create_job(jsonb_build_object('project_id', $1::uuid), null, true)"],
    ["select * from public.list_jobs($1, null, true)"],
    ["select public.settle_job(1) where $1::uuid is not null"],
  ])("is denied: %s", async (statement) => {
    expect(await sqlstateOf(asAnn(statement, [annsProject]))).toBe(DENIED);
  });
});

describe("somebody without a token", () => {
  test.each(["users", "projects", "datasets", "agent_logs", "messages"])("is denied %s", async (table) => {
    expect(await sqlstateOf(db.as("anon", {}, `select from public.${table}`))).toBe(DENIED);
  });

  test.each(["get_health()", "register_agent('a', 'b')", "request_tasks('[]')", "get_job(1, null, true)"])(
    "is denied %s",
    async (call) => {
      expect(await sqlstateOf(db.as("anon", {}, `select * from public.${call}`))).toBe(DENIED);
    },
  );
});

describe("the service role", () => {
  test("reaches everybody's rows, as planners and trainers need", async () => {
    const names = await db.as(
      "service_role",
      {},
      "select name from public.projects where id = any ($1) order by name",
      [[annsProject, bobsProject]],
    );
    expect(names).toEqual([{ name: "Ann's" }, { name: "Bob's" }]);
    const id = randomUUID();
    await db.as("service_role", {}, "insert into public.projects (id, user_id, name) values ($1, $2, 'x')", [id, bob]);
    await db.as("service_role", {}, "delete from public.projects where id = $1", [id]);
  });

  test("does not reach runs, settings, jobs and agents but through functions", async () => {
    for (const table of ["settings", "runs", "jobs", "tasks", "agents", "tokens", "queue"])
      expect(await sqlstateOf(db.as("service_role", {}, `select from corral.${table}`)), table).toBe(DENIED);
    expect(await db.as("service_role", {}, "select * from public.list_jobs($1, null, true)", [ann])).toEqual([]);
    expect(await db.as("service_role", {}, "select auto_ingestion from public.get_health()")).toEqual([
      { auto_ingestion: true },
    ]);
  });
});

describe("users of Supabase Auth", () => {
  const publicUser = (id: string) => db.sql("select email from public.users where id = $1", [id]);

  test("appear in public.users with their address, and follow its changes", async () => {
    const id = await addUser(db, "first@example.com");
    expect(await publicUser(id)).toEqual([{ email: "first@example.com" }]);
    await db.sql("update auth.users set email = 'second@example.com' where id = $1", [id]);
    expect(await publicUser(id)).toEqual([{ email: "second@example.com" }]);
  });

  test("take their projects with them when they go", async () => {
    const id = await addUser(db);
    const project = await addProject(db, { user_id: id });
    await db.sql("delete from auth.users where id = $1", [id]);
    expect(await publicUser(id)).toEqual([]);
    expect(await db.sql("select from public.projects where id = $1", [project.id])).toEqual([]);
  });
});
