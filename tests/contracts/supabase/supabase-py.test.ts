import { afterAll, beforeAll, beforeEach, expect, type TestContext, test } from "vitest";
import { type Supabase, serveSupabase } from "../../local/gateway/serve-supabase.ts";
import { installPython, type Python } from "../install-python.ts";
import { TABLES } from "./tables.ts";

let supabase: Supabase;
let python: Python | { missing: string };
beforeAll(async () => {
  [supabase, python] = await Promise.all([serveSupabase(TABLES), installPython(["supabase==2.34.1"])]);
});
afterAll(() => supabase.close());
beforeEach(async () => {
  await supabase.database.sql("truncate parcels restart identity");
});

const PRELUDE = `
import json, os
from supabase import create_client
url, anon, service = os.environ["API_URL"], os.environ["ANON_KEY"], os.environ["SERVICE_KEY"]
client = create_client(url, anon)
out = {}
`;

/** Runs a script that fills \`out\`. */
async function runPython(context: TestContext, script: string): Promise<unknown> {
  if ("missing" in python) return context.skip(python.missing);
  const { url, keys } = supabase;
  const env = { API_URL: url, ANON_KEY: keys.anonKey, SERVICE_KEY: keys.serviceRoleKey };
  return JSON.parse(await python.run(`${PRELUDE}${script}\nprint(json.dumps(out))`, env));
}

test("the Python client reads and writes tables and calls functions as the signed-in user", async (context) => {
  const out = await runPython(
    context,
    `
client.auth.sign_up({"email": "py@example.com", "password": "secret password"})
parcels = lambda: client.table("parcels")
out["inserted"] = parcels().insert([{"label": "a", "weight": 1, "tags": ["x"]}, {"label": "b", "weight": 2, "tags": []}]).execute().data[1]["label"]
out["upserted"] = parcels().upsert({"label": "b", "weight": 3}, on_conflict="label").execute().data[0]["weight"]
out["filtered"] = parcels().select("label").contains("tags", ["x"]).in_("label", ["a", "b"]).execute().data
out["page"] = parcels().select("label", count="exact").order("weight", desc=True).range(0, 0).execute().model_dump(include={"data", "count"})
out["single"] = parcels().select("weight").eq("label", "a").single().execute().data
out["updated"] = parcels().update({"weight": 9}).or_("label.eq.a,weight.gt.100").execute().data[0]["weight"]
out["deleted"] = len(parcels().delete().eq("label", "b").execute().data)
out["maybe"] = parcels().select("*").eq("label", "b").maybe_single().execute() is None
out["value"] = client.rpc("add", {"a": 1, "b": 2}).execute().data
out["rows"] = client.rpc("heaviest", {"p_count": 1}).execute().data[0]["label"]
try:
    client.rpc("refuse", {}).execute()
except Exception as error:
    out["error"] = [error.code, error.message]
`,
  );
  expect(out).toEqual({
    inserted: "b",
    upserted: 3,
    filtered: [{ label: "a" }],
    page: { data: [{ label: "b" }], count: 2 },
    single: { weight: 1 },
    updated: 9,
    deleted: 1,
    maybe: true,
    value: 3,
    rows: "a",
    error: ["ZC003", "not yours"],
  });
});

test("the Python client signs in, refreshes, signs out and administers users", async (context) => {
  const out = await runPython(
    context,
    `
admin = create_client(url, service).auth.admin
user = admin.create_user({"email": "boss@example.com", "password": "secret password", "email_confirm": True, "app_metadata": {"corral_role": "admin"}}).user
session = client.auth.sign_in_with_password({"email": "boss@example.com", "password": "secret password"}).session
out["same"] = client.auth.get_user().user.id == user.id
out["role"] = client.auth.get_user().user.app_metadata["corral_role"]
out["claims"] = client.auth.get_claims()["claims"]["sub"] == user.id
out["refreshed"] = client.auth.refresh_session().session.refresh_token != session.refresh_token
client.auth.sign_out()
for name, attempt in {
    "gone": lambda: client.auth.get_user(session.access_token),
    "wrong": lambda: client.auth.sign_in_with_password({"email": "boss@example.com", "password": "nope nope"}),
    "taken": lambda: client.auth.sign_up({"email": "boss@example.com", "password": "secret password"}),
    "weak": lambda: client.auth.sign_up({"email": "weak@example.com", "password": "1"}),
}.items():
    try:
        attempt()
    except Exception as error:
        out[name] = error.code
out["listed"] = user.id in [each.id for each in admin.list_users()]
admin.delete_user(user.id)
`,
  );
  expect(out).toEqual({
    same: true,
    role: "admin",
    claims: true,
    refreshed: true,
    gone: "session_not_found",
    wrong: "invalid_credentials",
    taken: "user_already_exists",
    weak: "weak_password",
    listed: true,
  });
});
