import { afterAll, beforeAll, expect, test } from "vitest";
import { checkExistingPostgres } from "../../../local/postgres/check-existing-postgres.ts";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

test("a Postgres that holds what a hosted one holds is taken", async () => {
  await expect(checkExistingPostgres(database.url)).resolves.toBeUndefined();
});

test("one that lacks something is refused, naming what and where", async () => {
  const admin = await database.connect(database.adminUrl);
  await admin.query("alter schema auth rename to elsewhere");
  await expect(checkExistingPostgres(database.url)).rejects.toThrow(
    new RegExp(`^The Postgres at 127\\.0\\.0\\.1:\\d+/${database.name} lacks schema auth\\.`),
  );
});
