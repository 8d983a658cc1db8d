/** What a job's start.ts exports: runs the attempt that the environment names, and resolves to the exit code. */
interface Job {
  start(env: NodeJS.ProcessEnv, terminated: AbortSignal): Promise<number>;
}

/**
 * Runs a job as this process. Its first line comes before anything heavy is loaded: it tells when the container was up.
 * SIGTERM asks the job to stop; how it ends decides the exit code.
 */
export async function launch(kind: string, load: () => Promise<Job>): Promise<never> {
  const terminated = new AbortController();
  process.once("SIGTERM", () => terminated.abort());
  const { RUN_ID, RUN_ATTEMPT } = process.env;
  process.stdout.write(`corral-job ${kind} run=${RUN_ID} attempt=${RUN_ATTEMPT} started\n`);
  try {
    const { start } = await load();
    process.exit(await start(process.env, terminated.signal));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
    process.exit(1);
  }
}
