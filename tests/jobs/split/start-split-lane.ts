import { type Lane, startLane } from "../start-lane.ts";

export interface SplitSpec {
  chunks?: number;
  rows_per_chunk?: number;
  data_file?: string;
}

/** The jobs' lane, with what a split needs around it. */
export async function startSplitLane() {
  const lane: Lane = await startLane();
  const { db, bucket } = lane;

  return {
    ...lane,

    /** Makes a job of data as its owner's; resolves to its id and its run's. */
    async enqueueSplit(dataUrl: string, spec: SplitSpec = {}) {
      const [created] = await db.sql<{ outcome: string; job_id: string }>(
        "select * from public.create_job($1, null, true)",
        [{ title: "split", data_url: dataUrl, user_id: lane.owner, ...spec }],
      );
      if (created?.outcome !== "created") throw new Error(`no job: ${created?.outcome}`);
      const [run] = await db.sql<{ id: string }>("select id from corral.runs where job_id = $1", [created.job_id]);
      if (run === undefined) throw new Error("the job got no run");
      return { job: created.job_id, run: run.id };
    },

    /** Stores data, and resolves to its URL. */
    async store(name: string, content: string | Uint8Array): Promise<string> {
      await bucket.file(`raw/${name}`).save(Buffer.from(content));
      return `gs://${bucket.name}/raw/${name}`;
    },

    async readJob(job: string) {
      const [row] = await db.sql("select * from corral.jobs where id = $1", [job]);
      return row;
    },

    /** A job's tasks by number, with the number of rows in each. */
    async listTasks(job: string): Promise<{ number: number; chunk: string; rows: number; state: string }[]> {
      return db.sql(
        `select (id - corral.task_id($1, 0))::int as number, chunk, rows::int, state::text
           from corral.tasks where corral.job_of(id) = $1 order by id`,
        [job],
      );
    },

    async countChunks(job: string): Promise<number> {
      const [files] = await bucket.getFiles({ prefix: `jobs/${job}/chunks/` });
      return files.length;
    },

    /** What all chunks hold, in order, and their generations. */
    async readChunks(job: string) {
      const [files] = await bucket.getFiles({ prefix: `jobs/${job}/chunks/` });
      const contents = await Promise.all(files.map(async (file) => String((await file.download())[0])));
      return files.map(({ name, metadata }, index) => ({
        name,
        generation: String(metadata.generation),
        text: contents[index] ?? "",
      }));
    },

    /** Puts a run back into the queue as the sweep does when a lease has run out. */
    async expireLease(run: string): Promise<void> {
      await db.sql("update corral.runs set lease_expires_at = corral.now() - interval '1 second' where id = $1", [run]);
      await db.sql("select corral.sweep()");
    },
  };
}

export type SplitLane = Awaited<ReturnType<typeof startSplitLane>>;
