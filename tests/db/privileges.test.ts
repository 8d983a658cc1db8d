import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";

const ROLES = ["anon", "authenticated", "service_role", "supabase_auth_admin"];
const SCHEMAS = ["public", "corral"];

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

describe("what each role can reach", () => {
  test("only Supabase's schemas and public are open to requests", async () => {
    expect(
      await pairs(
        `select r.role, n.nspname as name from unnest($1::text[]) r(role), pg_namespace n
          where nspname in ('public', 'corral', 'vault', 'cron') and has_schema_privilege(r.role, n.oid, 'usage')`,
        [ROLES],
      ),
    ).toEqual({
      anon: ["public"],
      authenticated: ["public"],
      // Supabase grants Vault to the service role; its keys are as good as the database's owner.
      service_role: ["public", "vault"],
      supabase_auth_admin: ["public"],
    });
  });

  test("tables: owners their projects, agents the five tables, nobody the rest", async () => {
    expect(
      await pairs(
        `select r.role, c.oid::regclass || ': ' || string_agg(p.privilege, ' ' order by p.place) as name
           from unnest($1::text[]) r(role),
                pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = any ($2),
                unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) with ordinality p(privilege, place)
          where c.relkind in ('r', 'v', 'm', 'p') and has_table_privilege(r.role, c.oid, p.privilege)
          group by r.role, c.oid`,
        [ROLES, SCHEMAS],
      ),
    ).toEqual({
      authenticated: [
        "agent_logs: SELECT",
        "datasets: SELECT",
        "messages: SELECT",
        "projects: SELECT INSERT UPDATE DELETE",
        "users: SELECT",
      ],
      service_role: [
        "agent_logs: SELECT INSERT UPDATE DELETE",
        "datasets: SELECT INSERT UPDATE DELETE",
        "messages: SELECT INSERT UPDATE DELETE",
        "projects: SELECT INSERT UPDATE DELETE",
        "users: SELECT",
      ],
    });
  });

  test("columns: users write the content of their messages and nothing else besides whole tables", async () => {
    expect(
      await pairs(
        `select r.role, a.attrelid::regclass || '.' || a.attname || ': ' || p.privilege as name
           from unnest($1::text[]) r(role),
                pg_attribute a
                join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'v', 'm', 'p')
                join pg_namespace n on n.oid = c.relnamespace and n.nspname = any ($2),
                unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) p(privilege)
          where a.attnum > 0 and not a.attisdropped
            and has_column_privilege(r.role, c.oid, a.attnum, p.privilege)
            and not has_table_privilege(r.role, c.oid, p.privilege)`,
        [ROLES, SCHEMAS],
      ),
    ).toEqual({
      authenticated: ["messages.content: INSERT", "messages.role: INSERT", "messages.user_id: INSERT"],
    });
  });

  test("sequences: none, since ids are identities", async () => {
    expect(
      await pairs(
        `select r.role, c.oid::regclass::text as name
           from unnest($1::text[]) r(role),
                pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = any ($2)
          where c.relkind = 'S' and has_sequence_privilege(r.role, c.oid, 'usage, select, update')`,
        [ROLES, SCHEMAS],
      ),
    ).toEqual({});
  });

  test("functions: the service role calls what is in public; of corral there is only the clock of column defaults", async () => {
    const callable = await pairs(
      `select r.role, p.oid::regproc::text as name
         from unnest($1::text[]) r(role),
              pg_proc p join pg_namespace n on n.oid = p.pronamespace and n.nspname = any ($2)
        where has_function_privilege(r.role, p.oid, 'execute')
          and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')`,
      [ROLES, SCHEMAS],
    );
    expect(callable).toEqual({
      authenticated: ["corral.now"],
      service_role: [
        "add_tasks",
        "admit_call",
        "authorize_upload",
        "browse_source",
        "cancel_query",
        "cancel_sync",
        "claim_queries",
        "claim_run",
        "complete_artifact",
        "complete_query",
        "complete_tasks",
        "control_job",
        "corral.now",
        "create_artifact",
        "create_job",
        "create_token",
        "cycle_agents",
        "delete_artifact",
        "deregister_agent",
        "download_job",
        "extend_artifact",
        "fail_launch",
        "fail_query",
        "fail_run",
        "fail_task",
        "find_finished_queries",
        "find_upload_folder",
        "finish_calls",
        "finish_run",
        "get_aggregate_task",
        "get_artifact",
        "get_audit_retention",
        "get_catalog_task",
        "get_data_table",
        "get_dataset_run",
        "get_dataset_status",
        "get_dataset_task",
        "get_health",
        "get_job",
        "get_query",
        "get_split_task",
        "get_sync",
        "get_sync_task",
        "get_table_status",
        "get_task_status",
        "grant_table",
        "leave_queue",
        "list_active_tasks",
        "list_artifacts",
        "list_data_tables",
        "list_forgotten_queries",
        "list_forgotten_seals",
        "list_grants",
        "list_jobs",
        "list_known_jobs",
        "list_live_runs",
        "list_results",
        "list_seals",
        "list_snapshots",
        "list_syncs",
        "list_tables",
        "list_task_queues",
        "list_task_workers",
        "list_tokens",
        "list_unanchored_seals",
        "list_unreferenced_artifacts",
        "list_unreferenced_objects",
        "list_unreferenced_snapshots",
        "list_unreferenced_uploads",
        "note_anchor",
        "note_call",
        "note_public_call",
        "publish_catalog",
        "publish_dataset",
        "publish_result",
        "publish_snapshot",
        "publish_tasks",
        "read_sealed_lines",
        "record_heartbeats",
        "record_launch",
        "record_milestone",
        "register_agent",
        "register_table",
        "release_run",
        "report_progress",
        "report_task_progress",
        "request_tasks",
        "return_queries",
        "revoke_grant",
        "revoke_token",
        "save_kaggle_credentials",
        "search_audit",
        "set_auto_ingestion",
        "set_schedule",
        "settle_job",
        "start_dataset",
        "start_run",
        "start_sync",
        "submit_job",
        "submit_query",
        "unregister_table",
        "update_artifact",
        "update_table",
        "watch_queries",
      ],
    });
  });

  test("PUBLIC holds nothing that every role would inherit", async () => {
    const rows = await db.sql(
      `select p.oid::regproc::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace,
              aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        where n.nspname = any ($1) and a.grantee = 0
          and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
       union all
       select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
        where n.nspname = any ($1) and a.grantee = 0`,
      [SCHEMAS],
    );
    expect(rows).toEqual([]);
  });
});

describe("how it is kept so", () => {
  test("row level security is on for every table", async () => {
    const rows = await db.sql(
      `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any ($1) and c.relkind in ('r', 'p') and not c.relrowsecurity`,
      [SCHEMAS],
    );
    expect(rows).toEqual([]);
  });

  test("no function depends on its caller's search path; those that set none read no table and have only their own rights", async () => {
    const rows = await db.sql<{ name: string; language: string; prosecdef: boolean; prosrc: string }>(
      `select p.oid::regproc::text as name, l.lanname as language, p.prosecdef, p.prosrc
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
        where n.nspname = any ($1) and not 'search_path=""' = any (coalesce(p.proconfig, '{}'))
          and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
        order by 1`,
      [SCHEMAS],
    );
    // A setting of its own would keep Postgres from inlining them, and claims and seals call them for every row.
    expect(rows.map(({ name }) => name)).toEqual([
      "corral.audit_line",
      "corral.is_due",
      "corral.jitter",
      "corral.job_of",
      "corral.lease_end",
      "corral.may_speak",
      "corral.refuse_attempt",
      "corral.task_id",
    ]);
    for (const { name, language, prosecdef, prosrc } of rows) {
      expect({ name, language, prosecdef }).toEqual({ name, language: "sql", prosecdef: false });
      expect(prosrc, name).not.toMatch(/(?<!distinct )\b(from|join|insert|update|delete|into)\b/i);
    }
  });

  test("functions that act with the owner's rights belong to postgres, who is no superuser", async () => {
    const rows = await db.sql(
      `select distinct r.rolname, r.rolsuper from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         join pg_roles r on r.oid = p.proowner
        where n.nspname = any ($1) and p.prosecdef`,
      [SCHEMAS],
    );
    expect(rows).toEqual([{ rolname: "postgres", rolsuper: false }]);
  });
});

async function pairs(query: string, params: unknown[]): Promise<Record<string, string[]>> {
  const rows = await db.sql<{ role: string; name: string }>(query, params);
  const found: Record<string, string[]> = {};
  for (const { role, name } of rows) found[role] = [...(found[role] ?? []), name].sort();
  return found;
}
