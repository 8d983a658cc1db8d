import { spawn } from "node:child_process";

/**
 * Runs tests in a tree with what is broken there, stops at the first failure, and resolves to whether one failed.
 * A run that could not start at all (vitest's own error, not a test's) throws.
 */
export function failsUnder(tree: string, tests: string[]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const vitest = spawn("npx", ["vitest", "run", "--bail=1", "--reporter=dot", ...tests], {
      cwd: tree,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [vitest.stdout, vitest.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-20_000);
      });
    }
    vitest.once("error", reject);
    vitest.once("close", (code) => {
      if (code === 0) return resolve(false);
      if (/No test files found/.test(output)) return reject(new Error(`No tests match ${tests.join(" ")}`));
      resolve(true);
    });
  });
}
