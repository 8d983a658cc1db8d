import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import type { Log } from "../log.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

export interface MigrateOptions {
  /** Holds supabase/config.toml and supabase/migrations; this repository by default. */
  projectDir?: string;
  log?: Log;
}

interface AppliedMigration {
  version: string;
  statements: string[];
}

/**
 * Applies what is new in supabase/migrations, with the Supabase CLI, as deployment does.
 * Throws an Error that names `--fresh` when a migration was edited or removed after it was applied.
 */
export async function applyMigrations(url: string, options: MigrateOptions = {}): Promise<void> {
  const supabaseDir = join(options.projectDir ?? REPOSITORY, "supabase");
  await refuseEdited(await listApplied(url), join(supabaseDir, "migrations"));
  // The CLI keeps notes in its work, home and temporary folders, which are one here and thrown away.
  const workdir = await mkdtemp(join(tmpdir(), "corral-migrate-"));
  try {
    for (const name of ["config.toml", "migrations"]) {
      await cp(join(supabaseDir, name), join(workdir, "supabase", name), { recursive: true });
    }
    const output = await runCli(["db", "push", "--yes", `--remote=${url}`, "--workdir", workdir], workdir);
    for (const line of output.split("\n")) if (line.startsWith("Applying migration")) options.log?.(line);
  } finally {
    await rm(workdir, { recursive: true, force: true });
  }
}

/** The CLI notes the statements of every migration that it applies. */
async function listApplied(url: string): Promise<AppliedMigration[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ table: string | null }>(
      "select to_regclass('supabase_migrations.schema_migrations')::text as table",
    );
    if (rows[0]?.table == null) return [];
    const applied = await client.query<AppliedMigration>(
      "select version, coalesce(statements, '{}') as statements from supabase_migrations.schema_migrations order by version",
    );
    return applied.rows;
  } finally {
    await client.end();
  }
}

async function refuseEdited(applied: AppliedMigration[], migrationsDir: string): Promise<void> {
  const files = await readdir(migrationsDir);
  for (const { version, statements } of applied) {
    const file = files.find((name) => name.startsWith(`${version}_`));
    const text = file === undefined ? undefined : await readFile(join(migrationsDir, file), "utf8");
    if (text !== undefined && essence(text) === essence(statements.join(""))) continue;
    const what = file === undefined ? `removed: ${version}` : `edited: ${file}`;
    throw new Error(
      `A migration that this database already has was ${what}. Start over with --fresh, which forgets the data.`,
    );
  }
}

/** What is the same in a file and in its statements, which come without the semicolons between them. */
function essence(sql: string): string {
  return sql.replace(/[\s;]/g, "");
}

async function runCli(args: string[], home: string): Promise<string> {
  const main = join(dirname(createRequire(import.meta.url).resolve("supabase/package.json")), "dist/supabase.js");
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, SUPABASE_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`Cannot apply the migrations:\n${output.trim()}`);
  return output;
}
