import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, realpath, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deleteHome } from "../../local/postgres/postgres-home.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const INFO_NAMES = [
  "functions_url",
  "api_url",
  "anon_key",
  "service_role_key",
  "admin",
  "owner",
  "postgres_url",
  "storage_endpoint",
  "bucket",
  "cloud_run_endpoint",
  "kaggle_endpoint",
  "snowflake_url",
  "snowflake",
];

let folder: string;
let tmp: string;
let dataDir: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "corral-start-")));
  tmp = join(folder, "tmp");
  dataDir = join(folder, "data");
  await mkdir(tmp, { mode: 0o755 });
});
afterAll(async () => {
  await deleteHome(join(dataDir, "postgres"));
  await deleteHome(folder);
});

function start(...args: string[]): ChildProcess & { output: Promise<string>; complaints: Promise<string> } {
  const child = spawn(process.execPath, ["--import", "tsx", "local/start.ts", ...args], {
    cwd: REPOSITORY,
    env: { ...process.env, TMPDIR: tmp },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return Object.assign(child, { output: text(child.stdout), complaints: text(child.stderr) });
}

/** Resolves to the exit code and what was written to stderr. */
async function refusal(...args: string[]): Promise<[number, string]> {
  const child = start(...args);
  const [[code], complaints] = await Promise.all([once(child, "exit"), child.complaints]);
  return [code, complaints];
}

/** Signals as a terminal and a runner do that passes on what the terminal has sent already. */
function interrupt(child: ChildProcess): void {
  child.kill("SIGINT");
  setTimeout(() => child.kill("SIGINT"), 50);
}

/** What npm's tools cache there is not ours. */
async function leftBehind(): Promise<string[]> {
  return (await readdir(tmp)).filter((name) => name.startsWith("corral"));
}

describe("npm start", () => {
  test("refuses an option that it does not know, by name", async () => {
    const [code, complaints] = await refusal("--prots", "auto");
    expect(code).toBe(2);
    expect(complaints).toContain("'--prots'");
  });

  test("refuses a data folder that is none, or that cannot be made", async () => {
    const [code, complaints] = await refusal("--data-dir=");
    expect([code, complaints.split("\n")[0]]).toEqual([2, 'corral: --data-dir takes a folder, not "".']);
    const file = join(folder, "file");
    await writeFile(file, "");
    for (const nowhere of ["/proc/nope/deep", join(file, "inside"), file]) {
      const [status, complaint] = await refusal("--ports=auto", `--data-dir=${nowhere}`);
      expect(status).toBe(1);
      expect(complaint).toMatch(`Cannot make the data folder "${nowhere}" (`);
      expect(complaint).toContain("Choose another with --data-dir.");
    }
  });

  test("refuses a URL that is no Postgres's, naming the option", async () => {
    const [code, complaints] = await refusal("--ports=auto", `--data-dir=${dataDir}`, "--postgres-url=nonsense");
    expect(code).toBe(1);
    expect(complaints).toContain("--postgres-url");
  });

  test("names a busy port and what wanted it", async () => {
    const holder = createServer();
    // When somebody else holds it, it is as busy.
    await new Promise((resolve) => holder.once("error", resolve).listen(54322, "127.0.0.1", () => resolve(undefined)));
    const [code, complaints] = await refusal(`--data-dir=${dataDir}`);
    holder.close();
    expect(code).toBe(1);
    expect(complaints).toContain("Port 54322 for Postgres is in use.");
  });

  test("interrupted while it starts, stops in order", async () => {
    const child = start("--ports=auto", `--data-dir=${dataDir}`);
    await once(child.stdout ?? child, "data");
    interrupt(child);
    const [[code], complaints] = await Promise.all([once(child, "exit"), child.complaints]);
    expect([code, complaints]).toEqual([0, ""]);
    expect(await leftBehind()).toEqual([]);
  });

  test("with --json prints one JSON object once ready, and nothing else on stdout", async () => {
    const child = start("--json", "--ports=auto", `--data-dir=${dataDir}`);
    const [line] = await once(createInterface({ input: child.stdout ?? process.stdin }), "line");
    const info = JSON.parse(line);
    try {
      expect(Object.keys(info)).toEqual(INFO_NAMES);
      expect((await fetch(`${info.functions_url}/health`)).status).toBe(200);

      const link = join(folder, "link");
      await symlink(dataDir, link);
      for (const name of [dataDir, link]) {
        const [code, complaints] = await refusal("--fresh", "--ports=auto", `--data-dir=${name}`);
        expect(code).toBe(1);
        expect(complaints).toContain("already runs");
      }
      expect(await readdir(dataDir)).toContain("storage");
    } finally {
      interrupt(child);
    }
    const [[code], output] = await Promise.all([once(child, "exit"), child.output]);
    expect(code).toBe(0);
    expect(output).toBe(`${line}\n`);
    expect(await leftBehind()).toEqual([]);
    await expect(fetch(info.api_url)).rejects.toThrow();
  });
});
