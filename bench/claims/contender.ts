/** When a run ends: after so long, or after so many tasks, whatever comes first. */
export interface Limits {
  seconds: number;
  tasks: number;
}

export interface Sample {
  /** Claimed and completed while the time counted. */
  tasks: number;
  /** Those, and what went before and after. */
  taken: number;
  seconds: number;
  /** Milliseconds from asking to the completion's reply, per task or per batch. */
  latencies: number[];
}

/** So many callers with a connection each, or what comes closest to it. */
export interface Callers {
  run(limits: Limits): Promise<Sample>;
  close(): Promise<void>;
}

/** A queue in Postgres that hands out tasks and has them completed. */
export interface Contender {
  title: string;
  /** How many tasks a caller takes at once. */
  batch: number;
  /** Makes so many tasks ready, forgets all others, and leaves the tables vacuumed and analyzed. */
  fill(tasks: number): Promise<void>;
  open(callers: number): Promise<Callers>;
  close(): Promise<void>;
}

/** One claim with its completion; resolves to how many tasks that were. */
export type Round = () => Promise<number>;

/** Runs callers side by side, each round after round. */
export async function runRounds(rounds: Round[], limits: Limits): Promise<Sample> {
  const latencies: number[] = [];
  let tasks = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + limits.seconds * 1000;
  await Promise.all(
    rounds.map(async (round) => {
      for (let now = performance.now(); now < endsAt && tasks < limits.tasks; ) {
        const done = await round();
        const end = performance.now();
        if (done === 0) return;
        tasks += done;
        latencies.push(end - now);
        now = end;
      }
    }),
  );
  return { tasks, taken: tasks, seconds: (performance.now() - startedAt) / 1000, latencies };
}
