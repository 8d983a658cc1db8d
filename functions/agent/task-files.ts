import { gsUrl, parseGsUrl, toKeptUrl } from "../../shared/cloud/object-url.ts";
import { MAX_LIFETIME_SECONDS, type SignUrl } from "../../shared/cloud/sign-url.ts";
import type { Assignment } from "../../shared/contract/agent.ts";
import { MEDIA_TYPE } from "../../shared/contract/media-type.ts";
import type { AssignedTask, NamedResult } from "../../shared/db/tasks.ts";
import { jobOf } from "../../shared/task-id.ts";
import { createUrlCache } from "./url-cache.ts";

/** How long past its timeout a task's files can be read. */
const MARGIN_SECONDS = 3600;
const UPLOAD_LIFETIME_SECONDS = 3600;
/** An object's name takes 1,024 bytes; a character takes four at most. */
const MAX_FILENAME_LENGTH = 200;

export interface TaskFilesOptions {
  bucket: string;
  endpoint?: string | undefined;
  sign: SignUrl;
}

export interface Upload {
  url: string;
  headers: { "content-type": string };
  /** The object, as a task is completed with it. */
  resultUrl: string;
  expiresAt: Date;
}

export type TaskFiles = ReturnType<typeof createTaskFiles>;

/** Where agents read a task's files and write its results. */
export function createTaskFiles({ bucket, endpoint, sign }: TaskFilesOptions) {
  const signForReading = (object: string, lifetimeSeconds: number) => sign({ method: "GET", object, lifetimeSeconds });
  const ofJobs = createUrlCache(signForReading);

  /** A URL of a task that an agent can read: signed for an object of the bucket, else as it is. */
  const readable = (url: string, read: (object: string) => Promise<string>) => {
    const named = parseGsUrl(url);
    return named?.bucket === bucket ? read(named.object) : url;
  };

  return {
    /** What an agent is told of its task. Only the chunk costs a signature: code and requirements are the job's. */
    async toAssignment(task: AssignedTask | null): Promise<Assignment> {
      if (task === null) return NOTHING;
      const needed = task.timeoutSeconds + MARGIN_SECONDS;
      const ofJob = (url: string | null) => url && readable(url, (object) => ofJobs(object, needed));
      const [codeUrl, requirementsUrl, chunkUrl] = await Promise.all([
        ofJob(task.codeUrl),
        ofJob(task.requirementsUrl),
        readable(task.chunk, (object) => signForReading(object, Math.min(needed, MAX_LIFETIME_SECONDS))),
      ]);
      return {
        task_id: task.taskId,
        job_id: task.jobId,
        code_url: codeUrl,
        requirements_url: requirementsUrl,
        chunk_data_url: chunkUrl,
        attempt: task.attempt,
        lease_expires_at: task.leaseExpiresAt && new Date(task.leaseExpiresAt).toISOString(),
        task_timeout_seconds: task.timeoutSeconds,
      };
    },

    /**
     * A result's URL as it is kept: null for none, `gs://` for an object of ours, which has to be one of the task's own
     * results, and any other as the URL standard spells it. Whether the task is the caller's is judged before where its
     * result lies.
     */
    toResult(task: number, url: string | null | undefined): NamedResult {
      const kept = url ? toKeptUrl(url, { bucket, endpoint }) : null;
      const named = kept === null ? undefined : parseGsUrl(kept);
      const isOurs = named?.bucket === bucket;
      return { result_url: kept, is_misplaced: isOurs && !named.object.startsWith(resultsOf(task)) };
    },

    /** Where to put a file that an attempt made. */
    async openUpload(
      { task, attempt }: { task: number; attempt: number },
      { filename, contentType }: { filename: string; contentType?: string | undefined },
    ): Promise<Upload> {
      const object = `${resultsOf(task)}${attempt}/${toObjectName(filename)}`;
      const headers = { "content-type": isMediaType(contentType) ? contentType : "application/octet-stream" };
      const expiresAt = new Date(Date.now() + UPLOAD_LIFETIME_SECONDS * 1000);
      const url = await sign({ method: "PUT", object, lifetimeSeconds: UPLOAD_LIFETIME_SECONDS, headers });
      return { url, headers, resultUrl: gsUrl({ bucket, object }), expiresAt };
    },

    /** A URL to read a result with, for as long as there are any. */
    toReadableUrl: async (url: string) => readable(url, (object) => signForReading(object, MAX_LIFETIME_SECONDS)),
  };
}

const NOTHING: Assignment = {
  task_id: null,
  job_id: null,
  code_url: null,
  requirements_url: null,
  chunk_data_url: null,
  attempt: null,
  lease_expires_at: null,
  task_timeout_seconds: null,
};

const resultsOf = (task: number) => `jobs/${jobOf(task)}/results/${task}/`;

const isMediaType = (text: string | undefined): text is string => text !== undefined && MEDIA_TYPE.test(text);

/** The last part of a path, without what could be taken for another. */
function toObjectName(filename: string): string {
  const last = filename.split(/[\\/]/).at(-1) ?? "";
  const clean = [...last.replace(/\p{Cc}/gu, "_")].slice(0, MAX_FILENAME_LENGTH).join("");
  return /^\.*$/.test(clean) ? "result" : clean;
}
