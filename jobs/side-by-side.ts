/**
 * Runs a piece of work so many times side by side. The first that fails ends the others by their signal; resolves, or
 * throws what it failed with, once none of them does anything any more.
 */
export async function sideBySide(
  workers: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const all = Array.from({ length: workers }, () => work(either).catch((error) => failed.abort(error)));
  await Promise.all(all);
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
}
