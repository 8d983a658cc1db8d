import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startFunctions } from "../functions/start-functions.ts";
import { waitFor } from "../journeys/wait-for.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

let functions: Awaited<ReturnType<typeof startFunctions>>;
let intruder: pg.Client;
beforeAll(async () => {
  functions = await startFunctions();
  await functions.db.sql("update corral.settings set audit_seal_seconds = 0");
  intruder = new pg.Client({ connectionString: functions.db.adminUrl });
  await intruder.connect();
});
afterAll(async () => {
  await intruder.end();
  await functions.close();
});

const anchor = () =>
  functions.call("/dispatch/anchor", { method: "POST", body: {}, token: functions.keys.dispatchSecret });

/** Lets so many calls in, seals them, and keeps the head in the bucket. */
async function sealCalls(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await functions.db.sql("select public.admit_call('GET', '/api/v1/data/tables', $1, false, p_admin => true)", [
      `request ${i}`,
    ]);
  }
  // Whatever runs on this server, for other tests too, holds the seal back.
  await waitFor(async () => {
    const [row] = await functions.db.sql<{ settled: boolean }>(
      "select pg_snapshot_xmin(pg_current_snapshot()) > max(transaction_id) as settled from corral.audit",
    );
    return row?.settled === true ? true : undefined;
  });
  await functions.db.sql("select corral.seal_audit()");
  expect(await anchor()).toMatchObject({ status: 200, body: { anchored: 1 } });
}

/** Runs the command as an operator would; resolves to its exit code and what it says. */
async function verify(): Promise<[number, string]> {
  const child = spawn(process.execPath, ["--import", "tsx", "audit/verify.ts"], {
    cwd: REPOSITORY,
    env: {
      ...process.env,
      SUPABASE_URL: functions.url.replace("/functions/v1", ""),
      SUPABASE_SERVICE_ROLE_KEY: functions.keys.serviceRoleKey,
      STORAGE_BUCKET: functions.bucket.name,
      STORAGE_ENDPOINT: functions.bucket.storage.apiEndpoint,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [[code], said] = await Promise.all([once(child, "exit"), text(child.stdout)]);
  return [code, said];
}

/** Does to the trail what no role of the product can, verifies, and puts it all back. */
async function tamper(...statements: string[]): Promise<string> {
  await intruder.query("create table spare_audit as table corral.audit");
  await intruder.query("create table spare_seals as table corral.audit_seals");
  await intruder.query("set session_replication_role = replica");
  try {
    for (const statement of statements) await intruder.query(statement);
    const [code, said] = await verify();
    expect(code).toBe(1);
    return said;
  } finally {
    await intruder.query("delete from corral.audit");
    await intruder.query("insert into corral.audit table spare_audit");
    await intruder.query("delete from corral.audit_seals");
    await intruder.query("insert into corral.audit_seals table spare_seals");
    await intruder.query("drop table spare_audit, spare_seals");
    await intruder.query("set session_replication_role = origin");
  }
}

describe("audit:verify", () => {
  beforeAll(async () => {
    for (const count of [3, 1, 2]) await sealCalls(count);
  });
  beforeEach(async () => {
    expect(await verify()).toEqual([
      0,
      expect.stringMatching(/^6 rows under 3 seals are as they were sealed. Newest: 3, \d{4}-/),
    ]);
  });

  test("tells that a row was changed", async () => {
    expect(await tamper("update corral.audit set agent = 'somebody else' where id = 4")).toMatch(
      /^A row under seal 2 \(.+\) is not as it was sealed\.\n$/,
    );
  });

  test("tells that a row was removed, the newest included", async () => {
    expect(await tamper("delete from corral.audit where id = 2")).toBe("Seal 1 is over 3 rows, but there are 2.\n");
    expect(await tamper("delete from corral.audit where id = 6")).toBe("Seal 3 is over 2 rows, but there are 1.\n");
  });

  test("tells that a row was added behind a seal", async () => {
    const copy =
      "insert into corral.audit select 99, call_id, event, at, transaction_id from corral.audit where id = 4";
    expect(await tamper(copy)).toBe("Seal 2 is over 1 rows, but there are 2.\n");
  });

  test("tells that seals were made to fit changed rows", async () => {
    const said = await tamper(
      "update corral.audit set agent = 'somebody else' where id = 4",
      `update corral.audit_seals s
          set digest = encode(sha256(convert_to((select corral.audit_line(a) || e'\\n' from corral.audit a where id = 4), 'UTF8')), 'hex')
        where id = 2`,
      "update corral.audit_seals set head = encode(sha256(convert_to(previous_head || e'\\n' || digest, 'UTF8')), 'hex') where id = 2",
    );
    expect(said).toBe(
      "The bucket keeps another head of seal 2 than Postgres does.\n" +
        "Seal 3 does not follow seal 2: what was between them is gone or was changed.\n",
    );
  });

  test("tells that the end of the chain was cut off, with all of its rows", async () => {
    expect(await tamper("delete from corral.audit_seals where id = 3", "delete from corral.audit where id > 4")).toBe(
      "The bucket keeps the head of seal 3, which Postgres does not have any more.\n",
    );
  });

  test("tells that a seal in the middle is gone", async () => {
    expect(await tamper("delete from corral.audit_seals where id = 2")).toBe(
      "Seal 3 does not follow seal 1: what was between them is gone or was changed.\n",
    );
  });

  test("tells that the bucket has lost a head", async () => {
    const file = functions.bucket.file("audit/000000000002.json");
    const [content] = await file.download();
    await file.delete();
    const verified = await verify();
    await file.save(content, { contentType: "application/json" });
    expect(verified).toEqual([1, "The bucket has lost the head of seal 2.\n"]);
  });

  test("tells that the beginning of the chain was cut off, with all of its rows", async () => {
    expect(await tamper("delete from corral.audit_seals where id = 1", "delete from corral.audit where id < 4")).toBe(
      "Postgres does not have seal 1 any more, which is not 90 days old.\n",
    );
  });

  test("begins at the oldest seal that is retained", async () => {
    await intruder.query("update corral.settings set audit_retention_days = 1");
    await intruder.query("update corral.audit_seals set sealed_at = sealed_at - interval '2 days' where id = 1");
    await functions.db.sql("select corral.forget_audit()");
    // The bucket's clock cannot be turned back: the cleanup takes the head away that it would find too old.
    await functions.bucket.file("audit/000000000001.json").delete();
    expect(await verify()).toEqual([0, expect.stringContaining("3 rows under 2 seals are as they were sealed.")]);
    await sealCalls(3);
  });
});

describe("keeping heads in the bucket", () => {
  test("asks for the secret", async () => {
    const refused = await functions.call("/dispatch/anchor", { method: "POST", body: {} });
    expect(refused).toMatchObject({ status: 401, body: { code: "unauthorized" } });
  });

  test("takes a head that is there already, and stops at one that is another", async () => {
    await intruder.query("update corral.audit_seals set anchored_at = null where id >= 3");
    expect(await anchor()).toMatchObject({ status: 200, body: { anchored: 2 } });
    await intruder.query("update corral.audit_seals set anchored_at = null, head = repeat('0', 64) where id = 3");
    expect(await anchor()).toMatchObject({ status: 500 });
    expect(functions.lines.join("\n")).toContain("audit/000000000003.json holds another head than seal 3 has");
  });
});
