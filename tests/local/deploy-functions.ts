import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { closeServer, LOOPBACK, listen } from "../../local/listen.ts";

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

const PROJECT = "abcdefghijklmnopqrst";

const metadata = z.object({
  name: z.string(),
  entrypoint_path: z.string(),
  import_map_path: z.string(),
  verify_jwt: z.boolean(),
});

/** What the Supabase CLI uploaded for one function; paths are relative to the repository. */
export interface Deployment {
  metadata: z.infer<typeof metadata>;
  files: Map<string, Uint8Array>;
}

/** Deploys every function with the real CLI to a management endpoint that keeps what it is sent. */
export async function deployFunctions(): Promise<Deployment[]> {
  const deployments: Deployment[] = [];
  const server = createServer(async (request, response) => {
    response.setHeader("content-type", "application/json");
    if (request.method !== "POST") return response.end(JSON.stringify(describeProject()));
    const deployment = await readDeployment(request);
    deployments.push(deployment);
    response.statusCode = 201;
    response.end(JSON.stringify(describeFunction(deployment)));
  });
  const folder = await mkdtemp(join(tmpdir(), "corral-deploy-"));
  try {
    const apiUrl = `http://${LOOPBACK}:${await listen(server, "the management endpoint", 0)}`;
    for (const path of ["deno.json", "functions", "package.json", "shared", "supabase"]) {
      await cp(join(REPOSITORY, path), join(folder, path), { recursive: true });
    }
    await runCli(folder, apiUrl);
  } finally {
    await closeServer(server);
    await rm(folder, { recursive: true, force: true });
  }
  return deployments;
}

/** Unpacks a deployment into an empty folder that the local gateway can serve; npm packages come from ours. */
export async function unpack({ metadata, files }: Deployment, folder: string): Promise<void> {
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  await mkdir(join(folder, "supabase"), { recursive: true });
  const lines = [
    `[functions.${metadata.name}]`,
    `verify_jwt = ${metadata.verify_jwt}`,
    `entrypoint = "../${metadata.entrypoint_path}"`,
    `import_map = "../${metadata.import_map_path}"`,
  ];
  await writeFile(join(folder, "supabase", "config.toml"), lines.join("\n"));
}

async function runCli(folder: string, apiUrl: string): Promise<void> {
  const profile = join(folder, "profile.yaml");
  const urls = { api_url: apiUrl, dashboard_url: apiUrl, project_host: "supabase.test" };
  await writeFile(profile, JSON.stringify({ name: "captured", ...urls }));
  const child = spawn(
    process.execPath,
    [
      join(REPOSITORY, "node_modules/supabase/dist/supabase.js"),
      ...["functions", "deploy", "--yes", "--use-api", `--remote=${PROJECT}`, "--profile", profile],
    ],
    {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        SUPABASE_TELEMETRY_DISABLED: "1",
        SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}`,
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`supabase functions deploy ended with ${code}:\n${Buffer.concat(output)}`);
}

async function readDeployment(request: IncomingMessage): Promise<Deployment> {
  const body = Buffer.concat(await request.toArray());
  const headers = { "content-type": request.headers["content-type"] ?? "" };
  const form = await new Response(body, { headers }).formData();
  const files = new Map<string, Uint8Array>();
  for (const file of form.getAll("file")) {
    if (typeof file === "string") throw new Error("A deployed file came without a name.");
    files.set(file.name, new Uint8Array(await file.arrayBuffer()));
  }
  return { metadata: metadata.parse(JSON.parse(String(form.get("metadata")))), files };
}

function describeFunction({ metadata: { name, verify_jwt } }: Deployment) {
  return { id: name, slug: name, name, status: "ACTIVE", version: 1, created_at: 1, updated_at: 1, verify_jwt };
}

function describeProject() {
  const database = { host: "db.supabase.test", version: "17", postgres_engine: "17", release_channel: "ga" };
  return {
    id: PROJECT,
    ref: PROJECT,
    organization_id: "organization",
    name: "captured",
    region: "eu-central-1",
    created_at: "2026-01-01T00:00:00Z",
    status: "ACTIVE_HEALTHY",
    database,
  };
}
