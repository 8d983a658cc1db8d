import pg from "pg";
import type { CronJob } from "./cron-tasks.ts";

/** As `cron.max_running_jobs`. */
const MAX_RUNNING = 32;

const INSERT_RUN = `
insert into cron.job_run_details (jobid, database, username, command, status)
values ($1, $2, $3, $4, 'starting') returning runid`;

interface ServerSocket {
  host: string;
  port: number;
}

/** Runs jobs' commands, each on a connection of its own as the job's user, and records how they went. */
export class CronRunner {
  readonly #admin: pg.Pool;
  readonly #socket: ServerSocket;
  readonly #pids = new Set<number>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed = false;

  private constructor(admin: pg.Pool, socket: ServerSocket) {
    this.#admin = admin;
    this.#socket = socket;
  }

  static async open(adminUrl: string): Promise<CronRunner> {
    const admin = new pg.Pool({ connectionString: adminUrl, max: 4 });
    admin.on("error", () => undefined);
    const { rows } = await admin.query<ServerSocket>(
      "select split_part(current_setting('unix_socket_directories'), ',', 1) as host, current_setting('port')::int as port",
    );
    const socket = rows[0];
    if (socket === undefined || socket.host === "") throw new Error("pg_cron needs a server with a Unix socket");
    return new CronRunner(admin, socket);
  }

  /** Runs that a stop of the server has cut short will not end any more. */
  async failUnfinished(): Promise<void> {
    const { rows } = await this.#admin.query<{ found: boolean }>(
      "select to_regclass('cron.job_run_details') is not null as found",
    );
    if (rows[0]?.found !== true) return;
    await this.#admin.query(`
      update cron.job_run_details set status = 'failed', return_message = 'server restarted', end_time = now()
       where status in ('starting', 'connecting', 'sending', 'running')`);
  }

  async run(job: CronJob): Promise<void> {
    while (this.#running >= MAX_RUNNING) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      if (!this.#closed) await this.#runNow(job);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #runNow(job: CronJob): Promise<void> {
    const values = [job.jobid, job.database, job.username, job.command];
    const inserted = await this.#admin.query<{ runid: string }>(INSERT_RUN, values);
    const runid = inserted.rows[0]?.runid;
    const outcome = await this.#execute(job, async (pid) => {
      await this.#admin.query(
        "update cron.job_run_details set status = 'running', job_pid = $2, start_time = clock_timestamp() where runid = $1",
        [runid, pid],
      );
    });
    await this.#admin.query(
      "update cron.job_run_details set status = $2, return_message = $3, end_time = clock_timestamp() where runid = $1",
      [runid, outcome.status, outcome.message],
    );
  }

  async #execute(
    job: CronJob,
    onRunning: (pid: number) => Promise<void>,
  ): Promise<{ status: string; message: string }> {
    const client = new pg.Client({
      ...this.#socket,
      user: job.username,
      database: job.database,
      application_name: "pg_cron",
    });
    client.on("error", () => undefined);
    let pid: number | undefined;
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      pid = rows[0]?.pid ?? 0;
      this.#pids.add(pid);
      await onRunning(pid);
      return { status: "succeeded", message: describeResult(await client.query(job.command)) };
    } catch (error) {
      if (pid === undefined) return { status: "failed", message: `connection failed: ${messageOf(error)}` };
      return { status: "failed", message: `ERROR:  ${messageOf(error)}` };
    } finally {
      if (pid !== undefined) this.#pids.delete(pid);
      await client.end().catch(() => undefined);
    }
  }

  /** Cancels what runs; its runs are recorded as failed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#admin
      .query("select pg_cancel_backend(pid) from unnest($1::int[]) pid", [[...this.#pids]])
      .catch(() => undefined);
    while (this.#running > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await this.#admin.end();
  }
}

/** pg_cron notes the last statement's row count, or its command tag when it returned no rows. */
function describeResult(result: pg.QueryResult | pg.QueryResult[]): string {
  const last = Array.isArray(result) ? result.at(-1) : result;
  if (last === undefined) return "";
  const count = last.rowCount ?? 0;
  if (last.fields.length > 0) return `${count} ${count === 1 ? "row" : "rows"}`;
  if (last.command === "INSERT") return `INSERT 0 ${count}`;
  return last.rowCount === null ? last.command : `${last.command} ${count}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
