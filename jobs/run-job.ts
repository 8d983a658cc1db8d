import { Heartbeat, type Snapshot } from "./heartbeat.ts";
import { JobFailure } from "./job-failure.ts";
import type { RunControl } from "./run-control.ts";

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
/** 128 + SIGTERM, as a shell would say it. */
export const EXIT_TERMINATED = 143;

export interface JobContext {
  /** Aborted when the container is told to stop, or the run is no longer this attempt's. */
  signal: AbortSignal;
  heartbeat: Heartbeat;
}

export interface RunJobOptions {
  control: RunControl;
  /** Aborted by SIGTERM. */
  terminated: AbortSignal;
  snapshot: () => Snapshot;
  work: (context: JobContext) => Promise<void>;
  /** Removes what the run left behind; called when it ended otherwise than by its work, and no attempt will follow. */
  clearUp?: () => Promise<void>;
  log: (line: string) => void;
}

/** Runs one attempt of one run from its start to a recorded end; resolves to the process's exit code. */
export async function runJob(options: RunJobOptions): Promise<number> {
  const { control, terminated, log } = options;
  const started = await control.start();
  if (started === false) {
    log("nothing to do: this attempt was started before, or is over");
    return EXIT_OK;
  }
  const lost = new AbortController();
  const heartbeat = new Heartbeat({
    report: (snapshot) => control.report(snapshot),
    snapshot: options.snapshot,
    leaseSeconds: started.leaseSeconds,
    onLost: (reason) => lost.abort(new Error(reason)),
  });
  try {
    await options.work({ signal: AbortSignal.any([terminated, lost.signal]), heartbeat });
    return EXIT_OK;
  } catch (error) {
    await heartbeat.finish();
    if (lost.signal.aborted) {
      log(`stopped: ${lost.signal.reason}`);
      return await leave(options);
    }
    if (terminated.aborted) {
      await control.release();
      log("released: told to stop, another container goes on from here");
      return EXIT_TERMINATED;
    }
    return await recordFailure(error, options);
  } finally {
    await heartbeat.stop();
  }
}

/** Ends an attempt that lost its run; if the run is over, nobody else clears up what this attempt was writing. */
async function leave({ control, clearUp }: RunJobOptions): Promise<number> {
  if (clearUp !== undefined && (await control.isOver())) await clearUp();
  return EXIT_OK;
}

async function recordFailure(error: unknown, options: RunJobOptions): Promise<number> {
  const { control, clearUp, log } = options;
  const failure = toJobFailure(error);
  log(`failed: ${failure.code}: ${failure.message}`);
  if (failure.cause !== undefined) log(`cause: ${describe(failure.cause)}`);
  const outcome = await control.fail(failure);
  if (outcome === "stale") {
    // Whoever has the run now may have moved things from under this attempt.
    log("stopped: the run was cancelled or given to another attempt");
    return await leave(options);
  }
  if (outcome === "failed") await clearUp?.();
  return EXIT_FAILED;
}

function toJobFailure(error: unknown): JobFailure {
  if (error instanceof JobFailure) return error;
  const message = "Something went wrong that nobody foresaw. The job's log has the details.";
  return new JobFailure("internal_error", message, { retryable: true, cause: error });
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
