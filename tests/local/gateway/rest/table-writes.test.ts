import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ALICE, BOB, idsOf, OBJECT, REPRESENTATION, serveAnimals } from "./serve-animals.ts";

let supabase: Awaited<ReturnType<typeof serveAnimals>>;
beforeAll(async () => {
  supabase = await serveAnimals();
});
afterAll(() => supabase.close());
beforeEach(() => supabase.reset());

describe("an insert", () => {
  test("answers 201 with nothing, or with the rows when they are asked for", async () => {
    const quiet = await supabase.ask("POST", "drops", { size: 1 });
    expect([quiet.status, quiet.body]).toEqual([201, undefined]);
    const loud = await supabase.ask("POST", "drops?select=id,note", { size: 2 }, REPRESENTATION);
    expect([loud.status, loud.body]).toEqual([201, [{ id: 2, note: "empty" }]]);
    expect(loud.headers.get("preference-applied")).toBe("return=representation");
  });

  test("takes many rows at once, with null for what is missing", async () => {
    const rows = [{ size: 1, note: "a" }, { size: 2 }];
    const columns = encodeURIComponent('"size","note"');
    const reply = await supabase.ask("POST", `drops?columns=${columns}&select=size,note`, rows, REPRESENTATION);
    expect(reply.body).toEqual([
      { size: 1, note: "a" },
      { size: 2, note: null },
    ]);
  });

  test("fills what is missing with defaults when that is preferred", async () => {
    const prefer = "return=representation, missing=default";
    const rows = [{ size: 1, note: null }, { size: 2 }];
    const reply = await supabase.ask("POST", "drops?columns=size,note&select=size,note", rows, { prefer });
    expect(reply.body).toEqual([
      { size: 1, note: null },
      { size: 2, note: "empty" },
    ]);
  });

  test("of an empty object makes a row of defaults, of no objects none", async () => {
    expect((await supabase.ask("POST", "drops?select=note", {}, REPRESENTATION)).body).toEqual([{ note: "empty" }]);
    expect((await supabase.ask("POST", "drops", [], REPRESENTATION)).body).toEqual([]);
  });

  test("of rows with different keys is refused unless the columns are named", async () => {
    const reply = await supabase.ask("POST", "drops", [{ size: 1 }, { note: "a" }]);
    expect([reply.status, reply.body]).toMatchObject([
      400,
      { code: "PGRST102", message: "All object keys must match" },
    ]);
  });

  test("of an unknown column is refused", async () => {
    const reply = await supabase.ask("POST", "drops", { 'size") select 1; --': 1 });
    expect([reply.status, reply.body]).toMatchObject([400, { code: "PGRST204" }]);
  });

  test("that collides is answered 409", async () => {
    const reply = await supabase.ask("POST", "animals", { id: 1, name: "dog" });
    expect([reply.status, reply.body]).toMatchObject([409, { code: "23505" }]);
  });

  test("merges duplicates by primary key, or by the columns that are named", async () => {
    const prefer = "return=representation, resolution=merge-duplicates";
    const byKey = await supabase.ask(
      "POST",
      "animals?select=id,name,legs",
      [
        { id: 1, name: "cat", legs: 3 },
        { id: 9, name: "ant", legs: 6 },
      ],
      { prefer },
    );
    expect(byKey.body).toEqual([
      { id: 1, name: "cat", legs: 3 },
      { id: 9, name: "ant", legs: 6 },
    ]);
    const byName = await supabase.ask(
      "POST",
      "animals?on_conflict=name&select=id,legs",
      { id: 9, name: "ant", legs: 5 },
      { prefer },
    );
    expect(byName.body).toEqual([{ id: 9, legs: 5 }]);
  });

  test("ignores duplicates when that is preferred", async () => {
    const prefer = "return=representation, resolution=ignore-duplicates";
    const reply = await supabase.ask(
      "POST",
      "animals?select=id",
      [
        { id: 1, name: "dog" },
        { id: 8, name: "bee" },
      ],
      { prefer },
    );
    expect(reply.body).toEqual([{ id: 8 }]);
    expect(await supabase.database.sql("select name from animals where id = 1")).toEqual([{ name: "cat" }]);
  });

  test("needs no right to read what was written", async () => {
    const token = supabase.keys.anonKey;
    expect((await supabase.call("POST", "/rest/v1/drops", { body: { size: 1 }, token })).status).toBe(201);
    const loud = await supabase.call("POST", "/rest/v1/drops", { body: { size: 1 }, token, headers: REPRESENTATION });
    expect([loud.status, loud.body]).toMatchObject([401, { code: "42501" }]);
  });
});

describe("an update", () => {
  test("changes the rows that pass the filters and no others", async () => {
    const reply = await supabase.ask(
      "PATCH",
      "animals?mood=eq.wild&select=id,legs",
      { legs: 7, tags: ["x"] },
      REPRESENTATION,
    );
    expect([reply.status, reply.body]).toEqual([
      200,
      [
        { id: 2, legs: 7 },
        { id: 3, legs: 7 },
      ],
    ]);
    expect(await supabase.database.sql("select id from animals where legs = 7 order by id")).toEqual([
      { id: 2 },
      { id: 3 },
    ]);
  });

  test("answers 204 with how many rows there were", async () => {
    const reply = await supabase.ask("PATCH", "animals?id=lt.3", { legs: 1 }, { prefer: "count=exact" });
    expect([reply.status, reply.headers.get("content-range")]).toEqual([204, "0-1/2"]);
  });

  test("without a filter is refused, as hosted", async () => {
    const reply = await supabase.ask("PATCH", "animals", { legs: 1 });
    expect([reply.status, reply.body]).toMatchObject([
      400,
      { code: "21000", message: "UPDATE requires a WHERE clause" },
    ]);
  });

  test("of nothing changes nothing", async () => {
    const reply = await supabase.ask("PATCH", "animals?id=eq.1", {}, REPRESENTATION);
    expect([reply.status, reply.body]).toEqual([200, []]);
  });

  test("that was to give one object and meets two is undone", async () => {
    const reply = await supabase.ask("PATCH", "animals?mood=eq.wild", { legs: 99 }, { ...REPRESENTATION, ...OBJECT });
    expect(reply.status).toBe(406);
    expect(await supabase.database.sql("select from animals where legs = 99")).toHaveLength(0);
  });

  test("that affects more rows than allowed is undone", async () => {
    const prefer = "handling=strict, max-affected=1";
    const reply = await supabase.ask("PATCH", "animals?mood=eq.wild", { legs: 99 }, { prefer });
    expect([reply.status, reply.body]).toMatchObject([400, { code: "PGRST124", details: "The query affects 2 rows" }]);
    expect(await supabase.database.sql("select from animals where legs = 99")).toHaveLength(0);
  });
});

describe("a delete", () => {
  test("removes the rows that pass the filters", async () => {
    const reply = await supabase.ask("DELETE", "animals?mood=eq.wild&select=id", undefined, REPRESENTATION);
    expect([reply.status, reply.body]).toEqual([200, [{ id: 2 }, { id: 3 }]]);
    expect((await supabase.ask("DELETE", "animals?id=eq.1")).status).toBe(204);
    expect(await supabase.database.sql("select id from animals")).toEqual([{ id: 4 }]);
  });

  test("without a filter is refused, as hosted", async () => {
    const reply = await supabase.ask("DELETE", "animals");
    expect([reply.status, reply.body]).toMatchObject([
      400,
      { code: "21000", message: "DELETE requires a WHERE clause" },
    ]);
  });
});

describe("row level security", () => {
  const as = async (user: string, method: string, query: string, body?: unknown) =>
    supabase.call(method, `/rest/v1/${query}`, {
      body,
      token: await supabase.userToken(user),
      headers: REPRESENTATION,
    });

  test("shows each user his own rows and the anonymous none", async () => {
    expect(await idsOf(as(ALICE, "GET", "animals?order=id"))).toEqual([1, 2]);
    expect(await idsOf(as(BOB, "GET", "animals?order=id"))).toEqual([3, 4]);
    expect((await supabase.call("GET", "/rest/v1/animals")).body).toEqual([]);
  });

  test("keeps each user's hands off the others' rows", async () => {
    expect((await as(ALICE, "PATCH", "animals?id=gt.0", { legs: 5 })).body).toHaveLength(2);
    expect((await as(ALICE, "DELETE", "animals?id=eq.3")).body).toEqual([]);
    const theft = await as(ALICE, "POST", "animals", { id: 10, name: "mine", owner: BOB });
    expect([theft.status, theft.body]).toMatchObject([403, { code: "42501" }]);
  });
});

test("a method that tables do not know is refused", async () => {
  expect((await supabase.ask("PUT", "animals?id=eq.1", {})).status).toBe(405);
});
