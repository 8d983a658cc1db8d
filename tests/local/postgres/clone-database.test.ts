import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

test("a clone holds the migrations' tables, empty, and nothing of other clones", async () => {
  const other = await cloneDatabase();
  await other.sql("create table public.only_here ()");
  expect(await database.sql("select to_regclass('public.only_here') as found")).toEqual([{ found: null }]);
  expect(await database.sql("select from public.projects")).toEqual([]);
  await other.drop();
});

test("the jobs of a clone run in the clone", async () => {
  expect(await database.sql("select distinct database from cron.job")).toEqual([{ database: database.name }]);
});

describe("the product's clock in a clone", () => {
  const offset = "extract(epoch from corral.now() - now())::int as seconds";

  test("is the server's", async () => {
    expect(await database.sql(`select ${offset}`)).toEqual([{ seconds: 0 }]);
  });

  test("can be set forward and back, as everybody sees it", async () => {
    await database.setNow("+10 minutes");
    expect(await database.sql(`select ${offset}`)).toEqual([{ seconds: 600 }]);
    await database.setNow("-1 hour");
    const gateway = await database.connect(database.adminUrl);
    expect((await gateway.query(`select ${offset}`)).rows).toEqual([{ seconds: -3600 }]);
  });

  test("can be stopped at a time", async () => {
    await database.setNow("2024-02-29T12:00:00Z");
    expect(await database.sql("select corral.now() as at")).toEqual([{ at: new Date("2024-02-29T12:00:00Z") }]);
  });

  test("can be set for one session alone", async () => {
    await database.setNow("");
    const client = await database.connect();
    await client.query("set corral.test_now = '+1 day'");
    expect((await client.query(`select ${offset}`)).rows).toEqual([{ seconds: 86_400 }]);
    expect(await database.sql(`select ${offset}`)).toEqual([{ seconds: 0 }]);
  });
});
