import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { addProject, addUser, firstOf, sqlstateOf } from "./scene.ts";

const SECRET = { username: "ann", key: "0123456789abcdef" };
const INVALID_METADATA = "ZC001";
const INVALID_CREDENTIALS = "ZC002";

let db: TestDatabase;
beforeAll(async () => {
  db = await cloneDatabase();
});
afterAll(() => db.drop());

const vaultOf = async (project: string): Promise<unknown> => {
  const [row] = await db.sql<{ secret: string }>(
    "select decrypted_secret as secret from vault.decrypted_secrets where name = 'corral_kaggle_' || $1::text",
    [project],
  );
  return row === undefined ? undefined : JSON.parse(row.secret);
};
const metadataOf = async (project: string): Promise<unknown> =>
  firstOf(await db.sql("select metadata from public.projects where id = $1", [project])).metadata;
const write = (project: string, metadata: unknown) =>
  db.sql("update public.projects set metadata = $2 where id = $1", [project, JSON.stringify(metadata)]);

describe("Kaggle credentials in a project's metadata", () => {
  test("go to Vault on an insert, and the rest of the metadata stays", async () => {
    const { id } = await addProject(db, { metadata: { kaggle_ref: "a/b", kaggle_credentials: SECRET } });
    expect(await vaultOf(id)).toEqual(SECRET);
    expect(await metadataOf(id)).toEqual({ kaggle_ref: "a/b" });
  });

  test("go to Vault on an update, in the place of earlier ones", async () => {
    const { id } = await addProject(db, { metadata: { kaggle_credentials: SECRET } });
    await write(id, { kaggle_credentials: { username: "bob", key: "other" } });
    expect(await vaultOf(id)).toEqual({ username: "bob", key: "other" });
    expect(await metadataOf(id)).toEqual({});
  });

  test("go to Vault on an upsert of a project that is there", async () => {
    const { id, owner } = await addProject(db);
    await db.as(
      "authenticated",
      { sub: owner },
      `insert into public.projects (id, user_id, metadata) values ($1, $2, $3)
       on conflict (id) do update set id = excluded.id, user_id = excluded.user_id, metadata = excluded.metadata`,
      [id, owner, JSON.stringify({ kaggle_credentials: SECRET })],
    );
    expect(await vaultOf(id)).toEqual(SECRET);
    expect(await metadataOf(id)).toEqual({});
  });

  test("go to Vault on an upsert of a project that is not there", async () => {
    const id = randomUUID();
    await db.sql(
      `insert into public.projects (id, metadata) values ($1, $2) on conflict (id) do update set metadata = excluded.metadata`,
      [id, JSON.stringify({ kaggle_credentials: SECRET })],
    );
    expect(await vaultOf(id)).toEqual(SECRET);
    expect(await metadataOf(id)).toEqual({});
  });

  test.each(["do nothing", "do update set name = excluded.name, metadata = excluded.metadata"])(
    "cannot replace those of another's project by `on conflict %s`",
    async (action) => {
      const { id } = await addProject(db, { metadata: { kaggle_credentials: SECRET } });
      const stranger = await addUser(db);
      const upsert = db.as(
        "authenticated",
        { sub: stranger },
        `insert into public.projects (id, user_id, metadata) values ($1, $2, $3) on conflict (id) ${action}`,
        [id, stranger, JSON.stringify({ kaggle_credentials: { username: "eve", key: "evil" } })],
      );
      await upsert.catch(() => undefined);
      expect(await vaultOf(id)).toEqual(SECRET);
    },
  );

  test("are taken with the names that the API gives them, too", async () => {
    const { id } = await addProject(db, {
      metadata: { kaggle_credentials: { kaggle_username: "ann", kaggle_key: "k" } },
    });
    expect(await vaultOf(id)).toEqual({ username: "ann", key: "k" });
  });

  test("stay in Vault when the metadata is written without them", async () => {
    const { id } = await addProject(db, { metadata: { kaggle_credentials: SECRET } });
    await write(id, { kaggle_ref: "a/b" });
    expect(await vaultOf(id)).toEqual(SECRET);
  });

  test("are forgotten when they are set to null", async () => {
    const { id } = await addProject(db, { metadata: { kaggle_credentials: SECRET } });
    await write(id, { kaggle_credentials: null });
    expect(await vaultOf(id)).toBeUndefined();
    expect(await metadataOf(id)).toEqual({});
  });

  test.each([
    ["text", "ann:0123456789abcdef"],
    ["a list", [SECRET]],
    ["a number", 7],
    ["without a key", { username: "ann" }],
    ["without a username", { key: "0123456789abcdef" }],
    ["with a blank username", { username: " ", key: "0123456789abcdef" }],
    ["with a blank key", { username: "ann", key: "" }],
    ["with a key that is no text", { username: "ann", key: { deep: "0123456789abcdef" } }],
    ["with a username that is no text", { username: 7, key: "0123456789abcdef" }],
  ])("are refused without telling them on when they are %s", async (_, credentials) => {
    const { id } = await addProject(db);
    const refusal = await write(id, { kaggle_credentials: credentials }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: INVALID_CREDENTIALS });
    expect(JSON.stringify(refusal)).not.toContain("0123456789abcdef");
    expect(await vaultOf(id)).toBeUndefined();
    expect(await metadataOf(id)).toEqual({});
  });

  test("go when the project goes", async () => {
    const { id } = await addProject(db, { metadata: { kaggle_credentials: SECRET } });
    await db.sql("delete from public.projects where id = $1", [id]);
    expect(await vaultOf(id)).toBeUndefined();
  });

  test("go when the project takes another id", async () => {
    const { id } = await addProject(db, { metadata: { kaggle_credentials: SECRET } });
    await db.sql("update public.projects set id = gen_random_uuid() where id = $1", [id]);
    expect(await vaultOf(id)).toBeUndefined();
  });

  test("are encrypted where Vault keeps them", async () => {
    const { id } = await addProject(db, { metadata: { kaggle_credentials: SECRET } });
    const [row] = await db.sql<{ secret: string }>(
      "select secret from vault.secrets where name = 'corral_kaggle_' || $1::text",
      [id],
    );
    expect(row?.secret).toEqual(expect.any(String));
    expect(row?.secret).not.toContain(SECRET.key);
  });
});

describe("a project's metadata", () => {
  test.each([
    ["text that holds JSON", JSON.stringify({ kaggle_credentials: SECRET })],
    ["a list", [{ kaggle_credentials: SECRET }]],
    ["a number", 1],
    ["null", null],
  ])("is an object: %s is refused", async (_, metadata) => {
    const { id } = await addProject(db);
    const refusal = await write(id, metadata).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: INVALID_METADATA });
    expect(JSON.stringify(refusal)).not.toContain(SECRET.key);
  });

  test("is an empty object when SQL null is written", async () => {
    const { id } = await addProject(db);
    expect(await sqlstateOf(db.sql("update public.projects set metadata = null where id = $1", [id]))).toBeUndefined();
    expect(await metadataOf(id)).toEqual({});
  });
});

describe("save_kaggle_credentials", () => {
  const save = async (project: string, user: string | null, admin = false) =>
    firstOf(
      await db.sql("select public.save_kaggle_credentials($1, 'ann', $2, $3, $4) as outcome", [
        project,
        SECRET.key,
        user,
        admin,
      ]),
    ).outcome;

  test("keeps those that the owner gives, in the place of earlier ones", async () => {
    const { id, owner } = await addProject(db, { metadata: { kaggle_credentials: { username: "old", key: "old" } } });
    expect(await save(id, owner)).toBe("saved");
    expect(await vaultOf(id)).toEqual(SECRET);
  });

  test("keeps those that an admin gives", async () => {
    const { id } = await addProject(db);
    expect(await save(id, null, true)).toBe("saved");
    expect(await vaultOf(id)).toEqual(SECRET);
  });

  test("tells a stranger that there is no such project", async () => {
    const { id } = await addProject(db);
    expect(await save(id, await addUser(db))).toBe("project_not_found");
    expect(await save(randomUUID(), null, true)).toBe("project_not_found");
    expect(await vaultOf(id)).toBeUndefined();
  });

  test("refuses callers without a token, also where enrolment is open", async () => {
    const { id } = await addProject(db);
    await db.sql("update corral.settings set open_enrollment = true");
    expect(await save(id, null)).toBe("unauthorized");
    await db.sql("update corral.settings set open_enrollment = false");
    expect(await vaultOf(id)).toBeUndefined();
  });

  test("takes them from callers without a token in open_admin mode", async () => {
    const { id } = await addProject(db);
    await db.sql("update corral.settings set open_admin = true");
    expect(await save(id, null)).toBe("saved");
    await db.sql("update corral.settings set open_admin = false");
    expect(await vaultOf(id)).toEqual(SECRET);
  });

  test("refuses blank ones", async () => {
    const { id, owner } = await addProject(db);
    const blank = db.sql("select public.save_kaggle_credentials($1, 'ann', '', $2)", [id, owner]);
    expect(await sqlstateOf(blank)).toBe(INVALID_CREDENTIALS);
  });
});
