/**
 * Aborts on Ctrl-C, on SIGTERM and when the terminal closes, for as long as the process lives. Only the first signal
 * counts: the terminal sends its signal to the whole group, and npm and tsx may pass it on once more.
 */
export function listenForInterruption(): AbortSignal {
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => interruption.abort(new Error("interrupted")));
  }
  // A terminal that has closed takes no more output, which must not keep us from stopping in order.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  return interruption.signal;
}
