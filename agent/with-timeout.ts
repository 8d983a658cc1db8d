/** What a signal aborts with when its time is over. */
export class TimedOut extends Error {
  override readonly name = "TimedOut";
}

/**
 * Does something under a signal that also aborts, with TimedOut, after so many milliseconds. AbortSignal.any would do,
 * but Node 20 keeps a trace of each one for as long as its sources live, and ours live as long as the agent.
 */
export async function withTimeout<T>(
  outer: AbortSignal,
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort(outer.reason);
  outer.addEventListener("abort", abort);
  if (outer.aborted) abort();
  const timer = setTimeout(() => controller.abort(new TimedOut(`no end after ${milliseconds / 1000} s`)), milliseconds);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", abort);
  }
}
