import { afterAll, beforeAll, expect, test } from "vitest";
import { createRestHandler } from "../../../../local/gateway/rest/rest-handler.ts";
import { type Supabase, serveSupabase } from "../serve-supabase.ts";

const FUNCTIONS = `
create function public.fail(code text, message text) returns void language plpgsql as $$ begin
  raise exception using errcode = code, message = message, detail = 'the detail', hint = 'the hint';
end $$;
create function public.answer_fully() returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using
    message = '{"code": "pay_first", "message": "Pay first", "hint": "Send money"}',
    detail = '{"status": 402, "headers": {"X-Price": "1"}}';
end $$;
`;

let supabase: Supabase;
beforeAll(async () => {
  supabase = await serveSupabase(FUNCTIONS);
});
afterAll(() => supabase.close());

const fail = (code: string, message = "no") =>
  supabase.call("POST", "/rest/v1/rpc/fail", { body: { code, message }, token: supabase.keys.serviceRoleKey });

test("an error keeps its SQLSTATE, message, detail and hint", async () => {
  const reply = await fail("ZC003", "Task 7 is not yours");
  expect(reply.status).toBe(400);
  expect(reply.body).toEqual({
    code: "ZC003",
    message: "Task 7 is not yours",
    details: "the detail",
    hint: "the hint",
  });
  expect(reply.headers.get("proxy-status")).toBe("PostgREST; error=ZC003");
});

test.each([
  ["08006", 503],
  ["0L000", 403],
  ["0P000", 403],
  ["22P02", 400],
  ["23502", 400],
  ["23503", 409],
  ["23505", 409],
  ["25006", 405],
  ["28000", 403],
  ["40001", 500],
  ["42501", 403],
  ["42703", 400],
  ["42883", 404],
  ["42P01", 404],
  ["42P17", 500],
  ["53300", 503],
  ["53400", 500],
  ["54000", 500],
  ["55P03", 500],
  ["57014", 500],
  ["P0001", 400],
  ["P0002", 500],
  ["PT409", 409],
  ["XX000", 500],
  ["ZC999", 400],
])("SQLSTATE %s is answered with %i", async (code, status) => {
  expect((await fail(code)).status).toBe(status);
});

test("SQL can give the whole response with SQLSTATE PGRST", async () => {
  const reply = await supabase.call("POST", "/rest/v1/rpc/answer_fully", { body: {} });
  expect(reply.status).toBe(402);
  expect(reply.headers.get("x-price")).toBe("1");
  expect(reply.body).toEqual({ code: "pay_first", message: "Pay first", details: null, hint: "Send money" });
});

test("the connection serves the next request after an error", async () => {
  for (const code of ["P0001", "XX000", "40001"]) await fail(code);
  expect((await fail("P0001")).status).toBe(400);
});

test("connections that Postgres ended are replaced", async () => {
  expect((await fail("P0001")).status).toBe(400);
  const rows = await supabase.database.sql(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'postgrest' and datname = current_database()",
  );
  expect(rows.length).toBeGreaterThan(0);
  await expect.poll(async () => (await fail("P0001")).status).toBe(400);
});

test("a Postgres that cannot be reached is answered with 503", async () => {
  const rest = createRestHandler({
    postgresUrl: "postgres://nobody@127.0.0.1:1/none",
    verify: async () => ({ role: "anon" }),
  });
  const response = await rest.fetch(new Request("http://localhost/rest/v1/projects", { headers: { apikey: "any" } }));
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ code: "PGRST000" });
  await rest.close();
});

test("an unknown path is refused", async () => {
  const reply = await supabase.call("GET", "/rest/v1/projects/1");
  expect(reply.status).toBe(404);
  expect(reply.body).toMatchObject({ code: "PGRST125" });
});
