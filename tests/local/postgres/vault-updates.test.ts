import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

async function createSecret(secret: string, name: string): Promise<unknown> {
  const [row] = await database.sql("select vault.create_secret($1, $2, 'as it was') as id", [secret, name]);
  return row?.id;
}

const readSecrets = (...ids: unknown[]) =>
  database.sql(
    "select name, description, decrypted_secret as secret from vault.decrypted_secrets where id = any($1) order by name",
    [ids],
  );

describe("update_secret", () => {
  test("of a name alone keeps the secret and its description", async () => {
    const id = await createSecret("hidden", "old");
    await database.sql("select vault.update_secret($1, new_name => 'new')", [id]);
    expect(await readSecrets(id)).toEqual([{ name: "new", description: "as it was", secret: "hidden" }]);
  });

  test("changes no secret but the one that is named", async () => {
    const [mine, other] = [await createSecret("mine", "a-mine"), await createSecret("other", "b-other")];
    await database.sql("select vault.update_secret($1, 'changed', new_description => 'changed')", [mine]);
    expect(await readSecrets(mine, other)).toEqual([
      { name: "a-mine", description: "changed", secret: "changed" },
      { name: "b-other", description: "as it was", secret: "other" },
    ]);
  });
});
