import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { applyMigrations } from "./postgres/migrate.ts";
import { deleteHome } from "./postgres/postgres-home.ts";
import { startPostgres } from "./postgres/start-postgres.ts";

const HELP = `Usage: npm run db:types [-- --check]

Generates shared/db/database.types.ts with the Supabase CLI, from a database that holds the migrations and nothing else.

  --check  write nothing; exit 1 when the file is not what would be generated
`;
const TYPES_FILE = fileURLToPath(new URL("../shared/db/database.types.ts", import.meta.url));
const HEAD = "// Generated from supabase/migrations by `npm run db:types`.\n\n";
const SUPABASE = packageFile("supabase", "dist/supabase.js");
const BIOME = packageFile("@biomejs/biome", "bin/biome");

const { values } = parseArgs({
  options: { check: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const generated = await generateTypes();
if (!values.check) {
  await writeFile(TYPES_FILE, generated);
} else if (generated !== (await readFile(TYPES_FILE, "utf8").catch(() => ""))) {
  process.stderr.write("shared/db/database.types.ts is stale. Run `npm run db:types`.\n");
  process.exitCode = 1;
}

async function generateTypes(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "corral-types-"));
  try {
    const postgres = await startPostgres({ dataDir: join(dir, "postgres"), port: 0 });
    try {
      await applyMigrations(postgres.url);
      const args = ["gen", "types", "typescript", `--db-url=${postgres.url}`, "--schema=public,corral"];
      const types = await runScript(SUPABASE, [...args, `--workdir=${dir}`], { home: dir });
      // Another name than the real one, which Biome is told to leave alone.
      return await runScript(BIOME, ["format", "--stdin-file-path=types.ts"], { home: dir, input: HEAD + types });
    } finally {
      await postgres.stop();
    }
  } finally {
    await deleteHome(join(dir, "postgres"));
    await rm(dir, { recursive: true, force: true });
  }
}

/** Runs one of our packages' commands and resolves to what it printed; `home` takes the notes that it keeps. */
async function runScript(
  script: string,
  args: string[],
  { home, input = "" }: { home: string; input?: string },
): Promise<string> {
  const child = spawn(process.execPath, [script, ...args], {
    // Postgres is on loopback without TLS, about which the CLI would write into its output.
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, SUPABASE_TELEMETRY_DISABLED: "1", PGSSLMODE: "disable" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (code !== 0) throw new Error(`Cannot generate the types:\n${stderr.trim()}`);
  return stdout;
}

function packageFile(name: string, path: string): string {
  return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), path);
}
