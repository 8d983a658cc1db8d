import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { denoBinary, denoEnvironment, denoModuleArguments } from "./gateway/functions/deno-command.ts";
import { type FunctionConfig, readFunctionConfigs } from "./gateway/functions/read-function-configs.ts";

const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));

const configs = await readFunctionConfigs(REPOSITORY);
for (const name of await readdir(join(REPOSITORY, "functions"))) {
  if (configs.has(name) || !existsSync(join(REPOSITORY, "functions", name, "index.ts"))) continue;
  process.stderr.write(`functions/${name} is neither served nor deployed: supabase/config.toml has no block for it.\n`);
  process.exitCode = 1;
}
for (const config of configs.values()) {
  if (!(await passesCheck(config))) process.exitCode = 1;
}

/** Runs `deno check` on a function as it is deployed: with its own import map. */
async function passesCheck({ entrypoint, importMap }: FunctionConfig): Promise<boolean> {
  const child = spawn(denoBinary(), ["check", ...denoModuleArguments(importMap), entrypoint], {
    cwd: REPOSITORY,
    env: denoEnvironment(),
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  return code === 0;
}
