/** npm and tsx pass a terminal's signal on once more; what comes so soon is the same Ctrl-C. */
const ECHO_MS = 500;

export interface Interruption {
  signal: AbortSignal;
  /** What the process exits with when it was interrupted. */
  exitCode: number;
}

/** Aborts on Ctrl-C, on SIGTERM and when the terminal closes; a second Ctrl-C ends the process at once. */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  const interruption: Interruption = { signal: controller.signal, exitCode: 0 };
  let interruptedAt = 0;
  for (const [signal, exitCode] of [
    ["SIGINT", 130],
    ["SIGTERM", 0],
    ["SIGHUP", 129],
  ] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) {
        interruptedAt = performance.now();
        interruption.exitCode = exitCode;
        controller.abort(new Error("interrupted"));
      } else if (performance.now() - interruptedAt > ECHO_MS) process.exit(130);
    });
  }
  // Whoever read the output may be gone, which must not keep us from stopping in order.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  return interruption;
}
