import { afterAll, beforeAll, expect, test } from "vitest";
import { type Supabase, serveSupabase } from "../serve-supabase.ts";

let supabase: Supabase;
beforeAll(async () => {
  supabase = await serveSupabase(`
    create function public.subtract(a int default 10, b int default 1) returns int language sql immutable
      as 'select a - b'`);
});
afterAll(() => supabase.close());

test("an argument that is left out before others that are given has its default", async () => {
  expect(await supabase.call("POST", "/rest/v1/rpc/subtract", { body: { b: 4 } })).toMatchObject({ body: 6 });
  expect(await supabase.call("GET", "/rest/v1/rpc/subtract?b=4")).toMatchObject({ body: 6 });
});
