/** How the pauses between reads grow. */
export interface Pace {
  firstMs: number;
  growth: number;
  longestMs: number;
}

/** For containers, which take seconds to start. */
const UNHURRIED: Pace = { firstMs: 200, growth: 1.5, longestMs: 1000 };

/**
 * Reads a run until it is over or the time is up, and resolves to what it last read; the pauses grow, from 200 ms to a
 * second unless told otherwise. When the client hangs up it stops at once: nobody waits any more, and the run goes on
 * without us.
 */
export async function awaitRun<Run>(
  read: () => Promise<Run>,
  isOver: (run: Run) => boolean,
  { seconds, signal, pace = UNHURRIED }: { seconds: number; signal: AbortSignal; pace?: Pace },
): Promise<Run> {
  const deadline = performance.now() + seconds * 1000;
  for (let pause = pace.firstMs; ; pause = Math.min(pause * pace.growth, pace.longestMs)) {
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
