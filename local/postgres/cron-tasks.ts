import { type CronSchedule, parseCronSchedule } from "./cron-schedule.ts";

/** A row of cron.job. */
export interface CronJob {
  jobid: string;
  schedule: string;
  command: string;
  database: string;
  username: string;
  active: boolean;
}

interface CronTask {
  job: CronJob;
  schedule: CronSchedule;
  /** Ticks that wait for the run under way to end. */
  pending: number;
  running: boolean;
  lastStart: number;
}

const MINUTE_MS = 60_000;
/** Minutes that a late look makes up for; after more the clock was set, and only the present minute counts. */
const MOST_MINUTES_MADE_UP = 5;

/** Knows which jobs are due and which of them may start: one instance of each, a tick during a run waits for its end. */
export class CronTasks {
  readonly #tasks = new Map<string, CronTask>();
  #lastMinute: number;
  #started = false;

  /** Times are milliseconds since the epoch. */
  constructor(now: number) {
    this.#lastMinute = startOfMinute(now);
  }

  /** Takes the jobs as they are now; resolves to a line for each whose schedule cannot be read. */
  refresh(jobs: CronJob[], now: number): string[] {
    const complaints: string[] = [];
    const ids = new Set(jobs.map((job) => job.jobid));
    for (const id of this.#tasks.keys()) if (!ids.has(id)) this.#tasks.delete(id);
    for (const job of jobs) {
      const schedule = tryParse(job.schedule);
      if (schedule === undefined) {
        complaints.push(`invalid pg_cron schedule for job ${job.jobid}: ${job.schedule}`);
        this.#tasks.delete(job.jobid);
        continue;
      }
      const known = this.#tasks.get(job.jobid);
      if (known !== undefined) Object.assign(known, { job, schedule });
      else {
        const pending = schedule.kind === "start" && !this.#started ? 1 : 0;
        this.#tasks.set(job.jobid, { job, schedule, pending, running: false, lastStart: now });
      }
    }
    this.#started = true;
    return complaints;
  }

  /** Marks as running, and returns, what is due and may start. */
  start(now: number): CronJob[] {
    const minutes = this.#passMinutes(now);
    const startable: CronJob[] = [];
    for (const task of this.#tasks.values()) {
      if (!task.job.active) {
        task.pending = 0;
        continue;
      }
      const { schedule } = task;
      if (schedule.kind === "minutes") task.pending += minutes.filter((minute) => schedule.matches(minute)).length;
      // A run longer than the interval leaves one tick waiting, not one for each that it missed.
      if (schedule.kind === "interval" && now >= task.lastStart + schedule.seconds * 1000) task.pending = 1;
      if (task.pending === 0 || task.running) continue;
      task.pending -= 1;
      task.running = true;
      task.lastStart = now;
      startable.push(task.job);
    }
    return startable;
  }

  /** Lets the job start again. */
  finish(jobid: string): void {
    const task = this.#tasks.get(jobid);
    if (task !== undefined) task.running = false;
  }

  /** When to call `start` next. */
  nextLook(now: number): number {
    const times = [startOfMinute(now) + MINUTE_MS];
    for (const { job, schedule, lastStart, running } of this.#tasks.values()) {
      if (job.active && schedule.kind === "interval" && !running) times.push(lastStart + schedule.seconds * 1000);
    }
    return Math.max(Math.min(...times), now);
  }

  #passMinutes(now: number): Date[] {
    const minute = startOfMinute(now);
    const passed = (minute - this.#lastMinute) / MINUTE_MS;
    if (passed === 0) return [];
    this.#lastMinute = minute;
    const count = passed < 0 || passed > MOST_MINUTES_MADE_UP ? 1 : passed;
    return Array.from({ length: count }, (_, index) => new Date(minute - (count - 1 - index) * MINUTE_MS));
  }
}

function startOfMinute(time: number): number {
  return time - (time % MINUTE_MS);
}

function tryParse(schedule: string): CronSchedule | undefined {
  try {
    return parseCronSchedule(schedule);
  } catch {
    return undefined;
  }
}
