import { execFile } from "node:child_process";
import { mkdtemp, readFile, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { denoBinary, denoEnvironment, denoModuleArguments } from "../../local/gateway/functions/deno-command.ts";
import { readFunctionConfigs } from "../../local/gateway/functions/read-function-configs.ts";
import { type Gateway, startGateway } from "../../local/gateway/start-gateway.ts";
import { loadKeys } from "../../local/keys.ts";
import { cloneDatabase, type TestDatabase } from "../setup/database.ts";
import { type Deployment, deployFunctions, REPOSITORY, unpack } from "./deploy-functions.ts";

const imports = z.object({ imports: z.record(z.string(), z.string()) });
const moduleGraph = z.object({
  modules: z.array(
    z.object({
      specifier: z.string(),
      dependencies: z
        .array(z.object({ specifier: z.string(), code: z.object({ error: z.string().optional() }).optional() }))
        .optional(),
    }),
  ),
});

/** What `GET /<name>` answers, where that is not the function's own 404. */
const STATUS_OF_BARE_CALL: Record<string, number> = { api: 401, health: 200, dispatch: 401, jobs: 405 };

const configs = await readFunctionConfigs(REPOSITORY);
const names = [...configs.keys()];
let database: TestDatabase;
let deployments: Map<string, Deployment>;
let folder: string;
const gateways: Gateway[] = [];

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "corral-deployed-")));
  await symlink(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
  database = await cloneDatabase();
  deployments = new Map((await deployFunctions()).map((deployment) => [deployment.metadata.name, deployment]));
  for (const [name, deployment] of deployments) await unpack(deployment, join(folder, name));
});

afterAll(async () => {
  for (const gateway of gateways) await gateway.close();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Serves what was uploaded for one function, and nothing else. */
async function serveDeployed(name: string): Promise<string> {
  const keys = await loadKeys(folder);
  const gateway = await startGateway({
    port: 0,
    postgresUrl: database.authenticatorUrl,
    adminUrl: database.adminUrl,
    databaseUrl: database.url,
    keys,
    functionEnv: {
      DISPATCH_SECRET: keys.dispatchSecret,
      GOOGLE_CREDENTIALS: JSON.stringify(keys.serviceAccount),
      CLOUD_RUN_REGION: "europe-west1",
      STORAGE_BUCKET: "bucket",
    },
    projectDir: join(folder, name),
    log: (part) => (line) => process.stderr.write(`[${part}] ${line}\n`),
  });
  gateways.push(gateway);
  return `${gateway.url}/functions/v1/${name}`;
}

describe("what the Supabase CLI uploads", () => {
  test("is every configured function", () => {
    expect([...deployments.keys()].sort()).toEqual([...names].sort());
  });

  test.each(names)("boots and answers from an empty folder: %s", async (name) => {
    const response = await fetch(await serveDeployed(name));
    expect(response.headers.get("sb-error-code")).toBeNull();
    expect(response.status).toBe(STATUS_OF_BARE_CALL[name] ?? 404);
  });

  test.each(names)("says in its import map where each package comes from: %s", async (name) => {
    const { metadata } = await deploymentOf(name);
    const root = join(folder, name);
    const importMap = join(root, metadata.import_map_path);
    const mapped = Object.keys(imports.parse(JSON.parse(await readFile(importMap, "utf8"))).imports);
    const isMapped = (specifier: string) =>
      mapped.some((key) => (key.endsWith("/") ? specifier.startsWith(key) : specifier === key));
    expect(
      (await packagesOf(join(root, metadata.entrypoint_path), importMap)).filter((name) => !isMapped(name)),
    ).toEqual([]);
  });
});

describe("a function's import map", () => {
  test.each(names)("asks for the versions that package.json has: %s", async (name) => {
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(await readFile(join(REPOSITORY, "package.json"), "utf8")));
    const file = await readFile(configs.get(name)?.importMap ?? "", "utf8");
    for (const [key, target] of Object.entries(imports.parse(JSON.parse(file)).imports)) {
      const dependency = key.replace(/\/$/, "");
      expect(target.replace(/^npm:\/?/, "").replace(/\/$/, "")).toBe(`${dependency}@${dependencies[dependency]}`);
    }
  });
});

async function deploymentOf(name: string): Promise<Deployment> {
  const deployment = deployments.get(name);
  if (deployment === undefined) throw new Error(`${name} was not deployed.`);
  return deployment;
}

/** The npm packages that a function's own modules import, as they name them. */
async function packagesOf(entrypoint: string, importMap: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    denoBinary(),
    ["info", "--json", ...denoModuleArguments(importMap), entrypoint],
    { env: denoEnvironment(), maxBuffer: 64 * 1024 * 1024 },
  );
  const { modules } = moduleGraph.parse(JSON.parse(stdout));
  return modules
    .filter(({ specifier }) => specifier.startsWith(pathToFileURL(folder).href))
    .flatMap(({ dependencies = [] }) => dependencies.map(({ specifier }) => specifier))
    .filter((specifier) => !/^(\.|\/|[a-z]+:)/.test(specifier));
}
