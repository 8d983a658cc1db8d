import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Cloud } from "../../local/cloud.ts";
import { denoBinary, denoEnvironment, denoModuleArguments } from "../../local/gateway/functions/deno-command.ts";
import { readFunctionConfigs } from "../../local/gateway/functions/read-function-configs.ts";
import { startFunction } from "../../local/gateway/functions/start-function.ts";
import { loadKeys } from "../../local/keys.ts";
import { formatTable } from "../../local/text-table.ts";
import { median } from "../statistics.ts";
import { atMost } from "../verdicts.ts";
import type { Section } from "./sql-section.ts";

const EXPECTED_TO_BARE = 3.5;
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const BARE = `Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: ({ port }) => console.log(port) }, () => new Response("ok"));\n`;

/** From the start of a process to its first reply: functions/agent with a heartbeat, and a server that says "ok". */
export async function measureFirstRequest({ info }: Cloud, quick: boolean): Promise<Section> {
  const rounds = quick ? 3 : 15;
  const folder = await mkdtemp(join(tmpdir(), "corral-first-"));
  const config = (await readFunctionConfigs(REPOSITORY)).get("agent");
  if (config === undefined) throw new Error("There is no function agent");
  // Nothing is signed: a key of the right shape will do.
  const { serviceAccount, storageHmac } = await loadKeys(folder);
  const env = {
    SUPABASE_URL: info.api_url,
    SUPABASE_ANON_KEY: info.anon_key,
    SUPABASE_SERVICE_ROLE_KEY: info.service_role_key,
    GOOGLE_CREDENTIALS: JSON.stringify(serviceAccount),
    STORAGE_BUCKET: info.bucket,
    STORAGE_ENDPOINT: info.storage_endpoint,
    STORAGE_HMAC_ACCESS_ID: storageHmac.accessId,
    STORAGE_HMAC_SECRET: storageHmac.secret,
  };
  const log = (line: string) => void process.stderr.write(`agent: ${line}\n`);
  const timeOurs = async (body: unknown, status: number) => {
    const startedAt = performance.now();
    const running = startFunction(config, { projectDir: REPOSITORY, env, log });
    const reply = await fetch(`http://127.0.0.1:${await running.port}/agent/heartbeat`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    await reply.text();
    const milliseconds = performance.now() - startedAt;
    if (reply.status !== status) throw new Error(`A heartbeat was answered ${reply.status}, not ${status}`);
    await running.stop(1000);
    return milliseconds;
  };
  const bareFile = join(folder, "bare.ts");
  await writeFile(bareFile, BARE);
  const ours: number[] = [];
  const refusals: number[] = [];
  const bare: number[] = [];
  try {
    for (let round = 0; round <= rounds; round++) {
      const times = [
        await timeOurs({ id: "nobody", status: "IDLE" }, 404),
        await timeOurs({}, 422),
        await timeBare(bareFile),
      ] as const;
      // The first round fills Deno's cache.
      if (round === 0) continue;
      ours.push(times[0]);
      refusals.push(times[1]);
      bare.push(times[2]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  const [of, refusal, to] = [median(ours), median(refusals), median(bare)];
  const rows = [
    ["functions/agent: a heartbeat, with its call to Postgres", of.toFixed(0), `${(of / to).toFixed(2)} ×`],
    ["functions/agent: one that is refused before that", refusal.toFixed(0), `${(refusal / to).toFixed(2)} ×`],
    ["bare Deno server", to.toFixed(0), ""],
  ];
  process.stdout.write(`\nFrom start to first reply\n\n${formatTable(["of", "ms", "of bare"], rows)}\n`);
  return {
    verdicts: [atMost("first request of functions/agent to a bare Deno server's", of / to, EXPECTED_TO_BARE)],
    figures: { ours: of, refusal, bare: to },
  };
}

async function timeBare(file: string): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(denoBinary(), ["run", ...denoModuleArguments(undefined), "--no-prompt", "--allow-net", file], {
    env: denoEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const [port] = await once(createInterface({ input: child.stdout }), "line");
  await (await fetch(`http://127.0.0.1:${port}/`)).text();
  const milliseconds = performance.now() - startedAt;
  child.kill("SIGKILL");
  await exited;
  return milliseconds;
}
