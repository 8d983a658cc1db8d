import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { applyMigrations } from "../../../local/postgres/migrate.ts";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";

const FIRST = "20990101000000_first.sql";
const SECOND = "20990102000000_second.sql";
const CREATE_FRUIT = `-- What grows on trees; and is eaten.
create table public.fruit (name text); -- sweet

create function public.count_fruit() returns bigint language plpgsql as $$
begin
  -- all; of it
  return (select count(*) from public.fruit);
end
$$;
/* the first of many; */
insert into public.fruit values ('apple; red');
-- the end
`;

let database: TestDatabase;
let projectDir: string;

beforeAll(async () => {
  database = await cloneDatabase();
});
beforeEach(async () => {
  projectDir = await mkdtemp(join(tmpdir(), "corral-project-"));
  await mkdir(join(projectDir, "supabase/migrations"), { recursive: true });
  await writeFile(join(projectDir, "supabase/config.toml"), "");
  await database.sql("drop table if exists public.fruit; drop function if exists public.count_fruit");
  await database.sql("drop schema if exists supabase_migrations cascade");
});
afterEach(() => rm(projectDir, { recursive: true }));
afterAll(() => database.drop());

const migration = (name: string, text: string) => writeFile(join(projectDir, "supabase/migrations", name), text);

async function apply(): Promise<string[]> {
  const lines: string[] = [];
  await applyMigrations(database.url, { projectDir, log: (line) => lines.push(line) });
  return lines;
}

test("migrations are applied in order, each once, and named", async () => {
  await migration(FIRST, CREATE_FRUIT);
  expect(await apply()).toEqual([`Applying migration ${FIRST}...`]);
  await migration(SECOND, "insert into public.fruit values ('pear')");
  expect(await apply()).toEqual([`Applying migration ${SECOND}...`]);
  expect(await apply()).toEqual([]);
  expect(await database.sql("select name from public.fruit")).toEqual([{ name: "apple; red" }, { name: "pear" }]);
});

test("what migrations make belongs to postgres", async () => {
  await migration(FIRST, CREATE_FRUIT);
  await apply();
  expect(await database.sql("select tableowner from pg_tables where tablename = 'fruit'")).toEqual([
    { tableowner: "postgres" },
  ]);
});

test("a migration edited after it was applied is refused with the word --fresh, and named", async () => {
  await migration(FIRST, CREATE_FRUIT);
  await apply();
  await migration(FIRST, CREATE_FRUIT.replace("apple", "grape"));
  await migration(SECOND, "insert into public.fruit values ('pear')");
  await expect(apply()).rejects.toThrow(new RegExp(`${FIRST}.*--fresh`));
  expect(await database.sql("select name from public.fruit")).toEqual([{ name: "apple; red" }]);
});

test("a migration removed after it was applied is refused with the word --fresh", async () => {
  await migration(FIRST, CREATE_FRUIT);
  await apply();
  await rm(join(projectDir, "supabase/migrations", FIRST));
  await migration(SECOND, "select 1");
  await expect(apply()).rejects.toThrow("--fresh");
});

test("blank lines and indentation are no edit", async () => {
  await migration(FIRST, CREATE_FRUIT);
  await apply();
  await migration(FIRST, `\n\n${CREATE_FRUIT.replace("-- sweet\n", "-- sweet\n\n")}`);
  expect(await apply()).toEqual([]);
});

test("a migration that fails says why, and is not noted as applied", async () => {
  await migration(FIRST, "create table public.fruit (name text); select 1/0");
  await expect(apply()).rejects.toThrow(/Cannot apply the migrations:[\s\S]*division by zero/);
  await migration(FIRST, CREATE_FRUIT);
  expect(await apply()).toHaveLength(1);
});

test("the project's folder is left as it was", async () => {
  await migration(FIRST, CREATE_FRUIT);
  await apply();
  expect((await readdir(join(projectDir, "supabase"))).sort()).toEqual(["config.toml", "migrations"]);
});
