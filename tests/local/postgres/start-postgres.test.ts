import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { closeServer, listen } from "../../../local/listen.ts";
import { deleteHome } from "../../../local/postgres/postgres-home.ts";
import { type RunningPostgres, startPostgres } from "../../../local/postgres/start-postgres.ts";
import { startThrowAwayPostgres } from "../../../local/postgres/start-throw-away-postgres.ts";

let dataDir: string;
let running: RunningPostgres[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "corral-start-"));
  await chmod(dataDir, 0o755);
  running = [];
});
afterEach(async () => {
  for (const postgres of running) await postgres.stop();
  await deleteHome(dataDir);
});

async function start(options: { port?: number; fresh?: boolean } = {}): Promise<RunningPostgres> {
  const postgres = await startPostgres({ dataDir, port: 0, ...options });
  running.push(postgres);
  return postgres;
}

async function stop(postgres: RunningPostgres): Promise<void> {
  running.splice(running.indexOf(postgres), 1);
  await postgres.stop();
}

async function query<T extends pg.QueryResultRow>(url: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

async function serverPid(): Promise<number> {
  return Number((await readFile(join(dataDir, "cluster/postmaster.pid"), "utf8")).split("\n")[0]);
}

/** Starts Postgres from a process of its own and resolves to that process once Postgres answers. */
async function startApart(): Promise<{ starter: ChildProcess; adminUrl: string }> {
  const script = fileURLToPath(new URL("start-server.ts", import.meta.url));
  const starter = spawn(process.execPath, ["--import", "tsx", script, dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [adminUrl] = await once(createInterface({ input: starter.stdout }), "line");
  return { starter, adminUrl };
}

test("what was committed is there after a stop and a start", async () => {
  const first = await start();
  await query(first.url, "create table kept as select 42 as answer");
  await stop(first);
  const second = await start();
  expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
});

test("what was committed is there after a crash, at the same address, and every connection is lost", async () => {
  const postgres = await start();
  const client = new pg.Client({ connectionString: postgres.url });
  const lost = new Promise((resolve) => client.on("error", resolve));
  await client.connect();
  await client.query("create table kept as select 42 as answer");
  await client.query("begin");
  await client.query("insert into kept values (43)");
  await postgres.crash();
  await lost;
  expect(await query(postgres.url, "select answer from kept")).toEqual([{ answer: 42 }]);
});

test("Postgres 17 writes durably and listens on loopback only", async () => {
  const { adminUrl } = await start();
  const names = ["fsync", "full_page_writes", "synchronous_commit", "listen_addresses"];
  const settings = await query(
    adminUrl,
    `select name, setting from pg_settings where name in ('${names.join("','")}') order by name`,
  );
  expect(settings).toEqual([
    { name: "fsync", setting: "on" },
    { name: "full_page_writes", setting: "on" },
    { name: "listen_addresses", setting: "127.0.0.1" },
    { name: "synchronous_commit", setting: "on" },
  ]);
  expect(await query(adminUrl, "select current_setting('server_version') like '17.%' as is_17")).toEqual([
    { is_17: true },
  ]);
});

test("a fresh start forgets what was there", async () => {
  const first = await start();
  await query(first.url, "create table forgotten ()");
  await stop(first);
  const second = await start({ fresh: true });
  expect(await query(second.url, "select to_regclass('forgotten') as found")).toEqual([{ found: null }]);
});

test("a second start on a running data folder is refused, and the first keeps running", async () => {
  const { url } = await start();
  await expect(start()).rejects.toThrow(/already runs on .* Stop it first/);
  await expect(start({ fresh: true })).rejects.toThrow(/already runs/);
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("a busy port is named", async () => {
  const holder = createServer();
  const port = await listen(holder, "the test", 0);
  await expect(start({ port })).rejects.toThrow(`Port ${port} for Postgres is in use`);
  await closeServer(holder);
});

test("a data folder with a path too long for a socket is no obstacle", async () => {
  const postgres = await startPostgres({ dataDir: join(dataDir, "long".repeat(25)), port: 0 });
  running.push(postgres);
  const { url } = postgres;
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
});

describe("after a crash", () => {
  test("a killed server starts again with all that was committed", async () => {
    const first = await start();
    await query(first.url, "create table kept as select 42 as answer");
    process.kill(await serverPid(), "SIGKILL");
    await stop(first);
    const second = await start();
    expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("the server ends when its starter is killed, and the next start succeeds", async () => {
    const { starter, adminUrl } = await startApart();
    const session = new pg.Client({ connectionString: adminUrl });
    const sessionEnded = new Promise((resolve) => session.on("error", resolve));
    await session.connect();
    starter.kill("SIGKILL");
    await sessionEnded;
    const second = await start();
    expect(await query(second.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  test("a server killed together with its starter starts again", async () => {
    const { starter, adminUrl } = await startApart();
    await query(adminUrl, "create table kept as select 42 as answer");
    process.kill(await serverPid(), "SIGKILL");
    starter.kill("SIGKILL");
    const second = await start();
    expect(await query(second.adminUrl, "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("a pid file whose number another program has by now is no obstacle", async () => {
    const first = await start();
    const pidFile = join(dataDir, "cluster/postmaster.pid");
    const lines = (await readFile(pidFile, "utf8")).split("\n");
    await stop(first);
    lines[0] = String(process.pid);
    await writeFile(pidFile, lines.join("\n"));
    await chmod(pidFile, 0o644);
    const second = await start();
    expect(await query(second.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  test("a cluster whose making was cut short is made anew", async () => {
    await stop(await start());
    await rm(join(dataDir, "cluster/corral-bootstrap"));
    await rm(join(dataDir, "cluster/global"), { recursive: true });
    const { url } = await start();
    expect(await query(url, "select current_user as name")).toEqual([{ name: "postgres" }]);
  });
});

test("data of another version of the local cloud is refused with the word --fresh", async () => {
  await stop(await start());
  await writeFile(join(dataDir, "cluster/corral-bootstrap"), "another version");
  await expect(start()).rejects.toThrow("--fresh");
  await expect(start({ fresh: true })).resolves.toBeDefined();
});

test("a throw-away Postgres leaves nothing behind, wherever it was kept", async () => {
  const postgres = await startThrowAwayPostgres();
  const [{ dir } = { dir: "" }] = await query<{ dir: string }>(
    postgres.adminUrl,
    "select current_setting('data_directory') as dir",
  );
  expect((await stat(dir)).isDirectory()).toBe(true);
  await postgres.stop();
  await expect(stat(dirname(dir))).rejects.toMatchObject({ code: "ENOENT" });
});

describe.runIf(process.getuid?.() === 0)("as root", () => {
  test("the server runs as another user", async () => {
    await start();
    expect((await stat(`/proc/${await serverPid()}`).catch(() => stat(join(dataDir, "cluster")))).uid).not.toBe(0);
  });

  test("a data folder that others may not enter is kept where they may, and found again", async () => {
    await chmod(dataDir, 0o700);
    const first = await start();
    await query(first.url, "create table kept as select 42 as answer");
    await stop(first);
    expect(await realpath(join(dataDir, "elsewhere"))).toMatch(/^\/var\/tmp\/corral-/);
    const second = await start();
    expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("deleting a closed data folder forgets what was kept elsewhere", async () => {
    await chmod(dataDir, 0o700);
    const first = await start();
    await query(first.url, "create table forgotten ()");
    await stop(first);
    await rm(join(dataDir, "elsewhere"));
    const second = await start();
    expect(await query(second.url, "select to_regclass('forgotten') as found")).toEqual([{ found: null }]);
  });
});
