import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

/** Path of the Deno executable inside the `deno` npm package, whether or not its install script was allowed to run. */
export function denoBinary(): string {
  const installer: unknown = createRequire(import.meta.url)("deno/install_api.cjs");
  if (!isInstaller(installer)) throw new Error("The npm package deno no longer has install_api.cjs#runInstall.");
  return installer.runInstall();
}

function isInstaller(value: unknown): value is { runInstall(): string } {
  return typeof value === "object" && value !== null && "runInstall" in value && typeof value.runInstall === "function";
}

/** Environment of every Deno process: a cache of its own, nothing of the host's. */
export function denoEnvironment(): Record<string, string> {
  return {
    DENO_DIR: join(REPOSITORY, "node_modules", ".cache", "corral-deno"),
    DENO_NO_UPDATE_CHECK: "1",
    DENO_NO_PROMPT: "1",
    NO_COLOR: "1",
    ...(process.platform === "win32" ? { SYSTEMROOT: process.env.SYSTEMROOT ?? "" } : {}),
  };
}

/** How modules are found, as when deployed: by the function's own import map; npm packages from node_modules. */
export function denoModuleArguments(importMap: string | undefined): string[] {
  return [
    "--quiet",
    "--no-config",
    "--no-lock",
    "--node-modules-dir=manual",
    ...(importMap === undefined ? [] : [`--import-map=${importMap}`]),
  ];
}
