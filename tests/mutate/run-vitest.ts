import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { LENT_CLUSTER, type LentCluster } from "./lend-cluster.ts";

/** How a run of some tests ended; `not_run` when something failed that is not a test: an import, a hook, the setup. */
export type RunOutcome =
  | { kind: "passed" }
  | { kind: "failed"; test: string; message: string }
  | { kind: "not_run"; reason: string };

const LONGEST_RUN_MS = 10 * 60_000;

const report = z.object({
  numTotalTests: z.number(),
  testResults: z.array(
    z.object({
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

/** Runs test files or folders of a tree up to the first failure, on a lent cluster or on one of their own. */
export async function runVitest(tree: string, tests: string[], cluster?: LentCluster): Promise<RunOutcome> {
  const reportFile = join(tree, `report-${randomUUID()}.json`);
  const args = ["node_modules/vitest/vitest.mjs", "run", "--config", "tests/mutate/vitest.config.ts", "--bail=1"];
  const vitest = spawn(process.execPath, [...args, "--reporter=json", `--outputFile=${reportFile}`, ...tests], {
    cwd: tree,
    env: { ...process.env, ...(cluster === undefined ? {} : { [LENT_CLUSTER]: JSON.stringify(cluster) }) },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LONGEST_RUN_MS,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [vitest.stdout, vitest.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-20_000);
    });
  }
  const [code]: (number | null)[] = await once(vitest, "close");
  const text = await readFile(reportFile, "utf8").catch(() => undefined);
  await rm(reportFile, { force: true });
  if (text === undefined) return { kind: "not_run", reason: code === null ? "The run did not end." : tail(output) };
  return readReport(text, code === 0, output);
}

function readReport(text: string, succeeded: boolean, output: string): RunOutcome {
  const { numTotalTests, testResults } = report.parse(JSON.parse(text));
  const failed = testResults.flatMap((file) => file.assertionResults).find(({ status }) => status === "failed");
  if (failed !== undefined) {
    return { kind: "failed", test: failed.fullName.trim(), message: failed.failureMessages?.join("\n") ?? "" };
  }
  if (succeeded && numTotalTests > 0) return { kind: "passed" };
  const broken = testResults.find(({ status }) => status === "failed");
  return { kind: "not_run", reason: broken?.message?.split("\n")[0] || tail(output) };
}

function tail(output: string): string {
  return output.trim().split("\n").slice(-3).join(" ").slice(-300) || "No test was found.";
}
