import type { z } from "zod";
import type { createJobRequest, uploadJobRequest } from "../../shared/contract/jobs.ts";
import type { JobSpec } from "../../shared/db/jobs.ts";
import { readOwner } from "./read-owner.ts";

type Wishes = Omit<z.infer<typeof createJobRequest> | z.infer<typeof uploadJobRequest>, "file_code" | "file_data">;
type Sources = Pick<JobSpec, "projectId" | "dataUrl" | "codeUrl" | "requirementsUrl" | "idempotencyKey" | "isDraft">;

/** What a client wishes, as SQL wants to know it, with where code and data come from. */
export function toJobSpec(wishes: Wishes, sources: Sources): JobSpec {
  return {
    ...sources,
    title: wishes.title,
    userId: readOwner(wishes.user_id),
    swarm: wishes.swarm ?? null,
    dataFile: wishes.data_file ?? null,
    chunks: wishes.chunks ?? null,
    rowsPerChunk: wishes.rows_per_chunk ?? null,
    taskTimeoutSeconds: wishes.task_timeout_seconds,
    maxAttempts: wishes.max_attempts,
    priority: wishes.priority,
    ramGb: wishes.ram ?? null,
    gpuModel: wishes.gpu_model ?? null,
    tags: wishes.tags ?? null,
    aggregate: wishes.aggregate,
  };
}
