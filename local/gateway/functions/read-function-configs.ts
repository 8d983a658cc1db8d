import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/** One `[functions.<name>]` block of supabase/config.toml; paths are absolute. */
export interface FunctionConfig {
  name: string;
  entrypoint: string;
  importMap?: string;
  /** Whether the gateway refuses calls without a valid token, before the function sees them. */
  verifyJwt: boolean;
}

/** Reads which functions a project has, by name; a disabled one is left out. */
export async function readFunctionConfigs(projectDir: string): Promise<Map<string, FunctionConfig>> {
  const folder = join(projectDir, "supabase");
  const toml = await readFile(join(folder, "config.toml"), "utf8");
  const configs = new Map<string, FunctionConfig>();
  for (const [name, block] of functionBlocks(toml)) {
    if (block.get("enabled") === false) continue;
    const importMap = block.get("import_map");
    configs.set(name, {
      name,
      entrypoint: resolve(folder, String(block.get("entrypoint") ?? `functions/${name}/index.ts`)),
      ...(importMap === undefined ? {} : { importMap: resolve(folder, String(importMap)) }),
      verifyJwt: block.get("verify_jwt") !== false,
    });
  }
  return configs;
}

/** The part of TOML that function blocks are written in: a header, then keys with a string or a boolean each. */
function functionBlocks(toml: string): Map<string, Map<string, string | boolean>> {
  const blocks = new Map<string, Map<string, string | boolean>>();
  let block: Map<string, string | boolean> | undefined;
  for (const line of toml.split(/\r?\n/)) {
    const header = /^\s*\[([^\]]+)\]/.exec(line)?.[1];
    if (header !== undefined) {
      const name = /^functions\.(?:"([^"]+)"|([\w-]+))$/.exec(header.trim());
      block = name === null ? undefined : new Map();
      if (name !== null && block !== undefined) blocks.set(name[1] ?? name[2] ?? "", block);
      continue;
    }
    const entry = /^\s*([\w-]+)\s*=\s*(?:"([^"]*)"|(true|false))\s*(?:#.*)?$/.exec(line);
    if (entry?.[1] !== undefined) block?.set(entry[1], entry[2] ?? entry[3] === "true");
  }
  return blocks;
}
