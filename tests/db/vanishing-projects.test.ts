import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { addProject } from "./scene.ts";
import { startBlocked } from "./wait-for-lock.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

test("credentials for a project that is being deleted wait for its end, and are not kept", async () => {
  const { id, owner } = await addProject(db);
  await addProject(db);
  const deleter = await db.connect();
  await deleter.query("begin");
  await deleter.query("delete from public.projects where id = $1", [id]);
  const save = await startBlocked(db, "select public.save_kaggle_credentials($1, 'ann', 'key', $2) as outcome", [
    id,
    owner,
  ]);
  await deleter.query("commit");
  expect(await save.result).toEqual({ outcome: "project_not_found" });
  expect(await db.sql("select from vault.secrets where name = 'corral_kaggle_' || $1::text", [id])).toEqual([]);
});
