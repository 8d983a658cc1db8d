import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { idsOf, OBJECT, serveAnimals } from "./serve-animals.ts";

let supabase: Awaited<ReturnType<typeof serveAnimals>>;
beforeAll(async () => {
  supabase = await serveAnimals();
});
afterAll(() => supabase.close());
beforeEach(() => supabase.reset());

describe("a filter", () => {
  test.each([
    ["id=eq.2", [2]],
    ["id=neq.2", [1, 3, 4]],
    ["legs=gt.2", [1]],
    ["legs=gte.2", [1, 2]],
    ["legs=lt.2", [3]],
    ["legs=lte.2", [2, 3]],
    ["name=like.c*", [1, 2]],
    ["name=ilike.C%25", [1, 2]],
    ["name=match.^s.*e$", [3]],
    ["mood=is.null", [4]],
    ["mood=is.not_null", [1, 2, 3]],
    ["mood=not.is.null", [1, 2, 3]],
    ["mood=isdistinct.wild", [1, 4]],
    ["id=in.(1,3)", [1, 3]],
    ["id=in.()", []],
    ['name=in.("a,b \\"c\\"",cat)', [1, 4]],
    ["id=not.in.(1,3)", [2, 4]],
    ["id=eq(any).{1,4}", [1, 4]],
    ["name=like(all).{c*,*t}", [1]],
    ["tags=cs.{pet}", [1, 4]],
    ["tags=cd.{pet,soft,black}", [1, 2, 3, 4]],
    ["tags=ov.{black,soft}", [1, 2]],
    ['facts=cs.{"age":3}', [1]],
    ["facts->diet->>kind=eq.all", [2]],
    ["facts->age=eq.3", [1]],
    ["seen_at=gt.2026-01-01T12:00:00Z", [2]],
    ["name=fts.crow", [2]],
    ["legs=gt.0&mood=eq.wild", [2]],
    ["or=(id.eq.1,and(mood.eq.wild,legs.eq.0))", [1, 3]],
    ["not.or=(id.eq.1,id.eq.2)", [3, 4]],
    ["and=(id.gt.1,not.or(id.eq.3,id.in.(4,5)))", [2]],
    ['or=(name.eq."a,b \\"c\\"",tags.cs.{black,black})', [2, 4]],
  ])("%s keeps rows %j", async (query, ids) => {
    expect(await idsOf(supabase.ask("GET", `animals?order=id&${query}`))).toEqual(ids);
  });

  test.each([
    ["id=wat.1", "PGRST100"],
    ["id=eq", "PGRST100"],
    ["id=in.1", "PGRST100"],
    ["or=(id.eq.1", "PGRST100"],
    ["id=is.2", "PGRST100"],
    ["nothing=eq.1", "42703"],
    ["id=eq.one", "22P02"],
    ["order=id.sideways", "PGRST100"],
    ["order=nothing", "42703"],
    ["select=nothing", "42703"],
    ["select=id::regclass", "42704"],
    ["select=id.sum()", "PGRST123"],
    ["select=id,owners(name)", "PGRST200"],
    ["limit=-1", "PGRST103"],
  ])("%s is refused with %s", async (query, code) => {
    expect((await supabase.ask("GET", `animals?${query}`)).body).toMatchObject({ code });
  });

  test.each(["id=eq.1;delete from animals", "name=eq.'; delete from animals; --", "name=in.(\"'},'\")"])(
    "%s is a value and never SQL",
    async (query) => {
      await supabase.ask("GET", `animals?${query}`);
      expect(await supabase.database.sql("select from animals")).toHaveLength(4);
    },
  );

  test.each([
    'id"; delete from animals; --=eq.1',
    'select=id"; delete from animals; --',
    "select=facts->>x' from animals; delete from animals; --",
    'order=id"; delete from animals; --',
    "select=id::text); delete from animals; --",
  ])("%s is a name and never SQL", async (query) => {
    const encoded = query.replace(
      /^(.*?)=(.*)$/,
      (_, name, value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
    );
    await supabase.ask("GET", `animals?${encoded}`);
    expect(await supabase.database.sql("select from animals")).toHaveLength(4);
  });
});

describe("a read", () => {
  test("selects, renames, casts and reaches into JSON", async () => {
    const reply = await supabase.ask(
      "GET",
      'animals?id=eq.1&select=id,called:name,legs::text,facts->diet->>kind,"tags"',
    );
    expect(reply.body).toEqual([{ id: 1, called: "cat", legs: "4", kind: "meat", tags: ["pet", "soft"] }]);
  });

  test("names a column after whatever key it reaches for", async () => {
    const select = encodeURIComponent(`id,facts->>a"b`);
    expect((await supabase.ask("GET", `animals?id=eq.1&select=${select}`)).body).toEqual([{ id: 1, 'a"b': null }]);
  });

  test("orders by several columns, nulls where they are wanted", async () => {
    expect(await idsOf(supabase.ask("GET", "animals?order=mood.desc.nullslast,legs.desc"))).toEqual([2, 3, 1, 4]);
    expect(await idsOf(supabase.ask("GET", "animals?order=legs.asc.nullsfirst"))).toEqual([4, 3, 2, 1]);
    expect(await idsOf(supabase.ask("GET", "animals?order=facts->diet->>kind.desc.nullslast,id.desc"))).toEqual([
      1, 2, 4, 3,
    ]);
  });

  test("is cut by limit and offset or by a Range header, and says so", async () => {
    const page = await supabase.ask("GET", "animals?order=id&limit=2&offset=1");
    expect(await idsOf(page)).toEqual([2, 3]);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-range")).toBe("1-2/*");
    const range = await supabase.ask("GET", "animals?order=id", undefined, { range: "1-2", prefer: "count=exact" });
    expect(await idsOf(range)).toEqual([2, 3]);
    expect(range.status).toBe(206);
    expect(range.headers.get("content-range")).toBe("1-2/4");
  });

  test("beyond the last row is refused when the rows are counted", async () => {
    const reply = await supabase.ask("GET", "animals?offset=9", undefined, { prefer: "count=exact" });
    expect(reply.status).toBe(416);
    expect(reply.body).toMatchObject({ code: "PGRST103" });
  });

  test("stops at a thousand rows, as hosted", async () => {
    await supabase.database.sql("insert into drops (size) select generate_series(1, 1200)");
    const reply = await supabase.ask("GET", "drops?limit=5000", undefined, { prefer: "count=exact" });
    expect(reply.body).toHaveLength(1000);
    expect(reply.headers.get("content-range")).toBe("0-999/1200");
  });

  test("by HEAD has the count and no body", async () => {
    const reply = await supabase.ask("HEAD", "animals?mood=eq.wild", undefined, { prefer: "count=exact" });
    expect(reply.headers.get("content-range")).toBe("0-1/2");
    expect(reply.body).toBeUndefined();
  });

  test("of one object has it, or is refused", async () => {
    expect((await supabase.ask("GET", "animals?id=eq.1&select=name", undefined, OBJECT)).body).toEqual({ name: "cat" });
    const none = await supabase.ask("GET", "animals?id=eq.9", undefined, OBJECT);
    expect(none.status).toBe(406);
    expect(none.body).toMatchObject({ code: "PGRST116", details: "The result contains 0 rows" });
  });

  test("can leave out what is null", async () => {
    const accept = "application/vnd.pgrst.array+json;nulls=stripped";
    expect((await supabase.ask("GET", "animals?id=eq.4&select=id,mood,legs", undefined, { accept })).body).toEqual([
      { id: 4 },
    ]);
  });

  test("in a format that is not served is refused", async () => {
    const reply = await supabase.ask("GET", "animals", undefined, { accept: "text/csv" });
    expect(reply.status).toBe(406);
    expect(reply.body).toMatchObject({ code: "PGRST107" });
  });

  test("of a table that does not exist is refused with the name", async () => {
    const reply = await supabase.ask("GET", "animal");
    expect(reply.status).toBe(404);
    expect(reply.body).toMatchObject({
      code: "PGRST205",
      message: "Could not find the table 'public.animal' in the schema cache",
      hint: "Perhaps you meant the table 'public.animals'",
    });
  });

  test("of a column made after the first request works without a restart", async () => {
    expect((await supabase.ask("GET", "drops?select=late")).status).toBe(400);
    await supabase.database.sql("alter table drops add column late text default 'x'");
    expect((await supabase.ask("GET", "drops?select=late")).body).toEqual([]);
  });
});
