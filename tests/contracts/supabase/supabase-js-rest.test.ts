import type { SupabaseClient } from "@supabase/supabase-js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Supabase, serveSupabase } from "../../local/gateway/serve-supabase.ts";
import { connectSupabase } from "./connect-supabase.ts";
import { TABLES } from "./tables.ts";

let supabase: Supabase;
let owner: SupabaseClient;
beforeAll(async () => {
  supabase = await serveSupabase(TABLES);
  owner = connectSupabase(supabase.url, supabase.keys.anonKey);
  const { error } = await owner.auth.signUp({ email: "owner@example.com", password: "secret password" });
  expect(error).toBeNull();
});
afterAll(() => supabase.close());
beforeEach(async () => {
  await supabase.database.sql("truncate parcels restart identity");
  const { error } = await owner.from("parcels").insert([
    { label: "feather", weight: 1, tags: ["light"], facts: { size: { w: 2 } } },
    { label: "brick", weight: 30, tags: ["heavy", "red"], facts: {} },
    { label: "anvil", weight: 90, tags: ["heavy"], facts: {} },
  ]);
  expect(error).toBeNull();
});

describe("rpc", () => {
  test("gives a value, by POST and by GET", async () => {
    expect((await owner.rpc("add", { a: 1, b: 2 })).data).toBe(3);
    expect((await owner.rpc("add", { a: 1, b: 2 }, { get: true })).data).toBe(3);
  });

  test("gives nothing for a void function", async () => {
    expect(await owner.rpc("forget")).toMatchObject({ data: null, error: null, status: 204 });
  });

  test("gives rows that can be chained on", async () => {
    const { data, count } = await owner
      .rpc("heaviest", { p_count: 2 }, { count: "exact" })
      .select("label")
      .gt("weight", 50)
      .single();
    expect(data).toEqual({ label: "anvil" });
    expect(count).toBe(1);
  });

  test("gives the database's error", async () => {
    const { error, status } = await owner.rpc("refuse");
    expect(status).toBe(400);
    expect(error).toMatchObject({ code: "ZC003", message: "not yours", hint: "ask" });
  });
});

describe("from", () => {
  test("selects with filters, order and limit", async () => {
    const { data } = await owner.from("parcels").select("label").contains("tags", ["heavy"]).order("weight").limit(1);
    expect(data).toEqual([{ label: "brick" }]);
    const labels = async (query: PromiseLike<{ data: { label: string }[] | null }>) =>
      (await query).data?.map(({ label }) => label);
    const parcels = () => owner.from("parcels").select("label").order("id");
    expect(await labels(parcels().in("label", ["feather", "anvil"]))).toEqual(["feather", "anvil"]);
    expect(await labels(parcels().or("weight.lt.5,and(weight.gt.80,label.like.a*)"))).toEqual(["feather", "anvil"]);
    expect(await labels(parcels().not("tags", "ov", "{red,light}"))).toEqual(["anvil"]);
    expect(await labels(parcels().ilike("label", "%BRI%"))).toEqual(["brick"]);
    expect(await labels(parcels().likeAnyOf("label", ["a%", "b%"]))).toEqual(["brick", "anvil"]);
    expect(await labels(parcels().eq("facts->size->>w", "2"))).toEqual(["feather"]);
    expect(await labels(parcels().match({ label: "brick", weight: 30 }))).toEqual(["brick"]);
    expect(await labels(parcels().is("weight", null))).toEqual([]);
    expect(await labels(parcels().range(1, 2))).toEqual(["brick", "anvil"]);
  });

  test("counts without reading", async () => {
    const { count, data } = await owner.from("parcels").select("*", { count: "exact", head: true });
    expect(count).toBe(3);
    expect(data).toBeNull();
  });

  test("gives one row, none or an error", async () => {
    const parcels = owner.from("parcels");
    expect((await parcels.select("weight").eq("label", "brick").single()).data).toEqual({ weight: 30 });
    expect((await parcels.select().eq("label", "cloud").maybeSingle()).data).toBeNull();
    expect((await parcels.select().eq("label", "cloud").single()).error).toMatchObject({ code: "PGRST116" });
    expect((await parcels.select().maybeSingle()).error).toMatchObject({ code: "PGRST116" });
  });

  test("inserts and gives back what was stored", async () => {
    const { data, status } = await owner.from("parcels").insert({ label: "stone" }).select("label, tags").single();
    expect(status).toBe(201);
    expect(data).toEqual({ label: "stone", tags: [] });
  });

  test("inserts many with the defaults of what is missing", async () => {
    const rows = [{ label: "a" }, { label: "b", tags: ["x"] }];
    const { data } = await owner.from("parcels").insert(rows, { defaultToNull: false }).select("label, tags");
    expect(data).toEqual([
      { label: "a", tags: [] },
      { label: "b", tags: ["x"] },
    ]);
  });

  test("upserts by a unique column, or leaves what is there", async () => {
    const parcels = () => owner.from("parcels");
    await parcels().upsert({ label: "brick", weight: 31 }, { onConflict: "label" });
    await parcels().upsert({ label: "brick", weight: 99 }, { onConflict: "label", ignoreDuplicates: true });
    expect((await parcels().select("weight").eq("label", "brick").single()).data).toEqual({ weight: 31 });
  });

  test("updates and deletes what passes the filters", async () => {
    const updated = await owner.from("parcels").update({ weight: 5 }).lt("weight", 50).select("label").order("label");
    expect(updated.data?.map(({ label }) => label).sort()).toEqual(["brick", "feather"]);
    const deleted = await owner.from("parcels").delete({ count: "exact" }).eq("weight", 5);
    expect(deleted).toMatchObject({ status: 204, count: 2, error: null });
    expect((await owner.from("parcels").select("label")).data).toEqual([{ label: "anvil" }]);
  });

  test("gives the conflict and the missing right as errors", async () => {
    expect((await owner.from("parcels").insert({ label: "brick" })).error).toMatchObject({ code: "23505" });
    const stranger = connectSupabase(supabase.url, supabase.keys.anonKey);
    expect((await stranger.from("parcels").select()).data).toEqual([]);
    expect((await stranger.from("parcels").insert({ label: "x" })).status).toBe(401);
  });
});
