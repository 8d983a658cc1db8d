/**
 * Sees to the end of jobs in the background. However many completions ask for the same job, one call is under way for
 * it, and at most one more follows. What fails is left to the sweep.
 */
export function createSettler(
  settle: (job: number) => Promise<unknown>,
  waitUntil: (work: Promise<unknown>) => void,
): (job: number) => void {
  /** The jobs that are being seen to, and whether somebody asked again meanwhile. */
  const running = new Map<number, boolean>();

  const run = async (job: number) => {
    do {
      running.set(job, false);
      await settle(job).catch((error: unknown) => console.error(`job ${job} was not settled:`, error));
    } while (running.get(job));
    running.delete(job);
  };

  return (job) => {
    if (running.has(job)) running.set(job, true);
    else waitUntil(run(job));
  };
}
