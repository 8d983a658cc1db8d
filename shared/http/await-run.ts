/** Containers take seconds to start. */
const FIRST_PAUSE_MS = 200;
const GROWTH = 1.5;
const LONGEST_PAUSE_MS = 1000;

/**
 * Reads a run until it is over or the time is up, and resolves to what it last read; the pauses grow, from 200 ms to a
 * second. When the client hangs up it stops at once: nobody waits any more, and the run goes on without us.
 */
export async function awaitRun<Run>(
  read: () => Promise<Run>,
  isOver: (run: Run) => boolean,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<Run> {
  const deadline = performance.now() + seconds * 1000;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * GROWTH, LONGEST_PAUSE_MS)) {
    const run = await read();
    const left = deadline - performance.now();
    if (isOver(run) || left <= 0 || signal.aborted) return run;
    await sleep(Math.min(pause, left), signal);
  }
}

/** Resolves after so many milliseconds, or when the signal says so. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish, { once: true });
  });
}
