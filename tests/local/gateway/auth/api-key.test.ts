import { afterAll, beforeAll, expect, test } from "vitest";
import { type Supabase, serveSupabase } from "../serve-supabase.ts";

let supabase: Supabase;
beforeAll(async () => {
  supabase = await serveSupabase();
});
afterAll(() => supabase.close());

async function health(headers: Record<string, string>): Promise<unknown> {
  const response = await fetch(`${supabase.url}/auth/v1/health`, { headers });
  return { status: response.status, body: await response.json() };
}

test("what asks for no user still asks for the project's API key", async () => {
  const userToken = await supabase.userToken("00000000-0000-0000-0000-00000000a11c");
  expect(await health({ apikey: supabase.keys.anonKey })).toMatchObject({ status: 200, body: { name: "GoTrue" } });
  expect(await health({})).toMatchObject({ status: 401, body: { message: "No API key found in request" } });
  expect(await health({ apikey: userToken })).toMatchObject({ status: 401, body: { message: "Invalid API key" } });
});
