import { z } from "zod";
import type { ProjectProgress } from "./progress-view.ts";

const candidate = z.object({ ref: z.string(), score: z.number(), parts: z.record(z.string(), z.number()) });

/** What the demo reads of `GET /agents/dataset/status/{project_id}`. */
const datasetStatus = z.object({
  project_status: z.string(),
  dataset: z
    .object({
      name: z.string(),
      gcs_url: z.string(),
      size_bytes: z.number(),
      crc32c: z.string().nullable(),
      md5: z.string().nullable(),
      candidates: z.array(candidate).nullable(),
    })
    .nullable(),
  run: z
    .object({
      state: z.string(),
      phase: z.string().nullable(),
      created_at: z.string(),
      started_at: z.string().nullable(),
      error_code: z.string().nullable(),
      error_message: z.string().nullable(),
      progress: z
        .object({
          bytes: z.number().optional(),
          total_bytes: z.number().optional(),
          bytes_per_second: z.number().optional(),
          eta_seconds: z.number().nullish(),
        })
        .nullable(),
    })
    .nullable(),
});

export type DatasetStatus = z.infer<typeof datasetStatus>;

export async function readStatus(functionsUrl: string, token: string, projectId: string): Promise<DatasetStatus> {
  const reply = await fetch(`${functionsUrl}/agents/dataset/status/${projectId}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!reply.ok) throw new Error(`Status of project ${projectId}: ${reply.status} ${await reply.text()}`);
  return datasetStatus.parse(await reply.json());
}

export function isSettled(status: DatasetStatus): boolean {
  return status.project_status === "pending_training" || status.project_status === "failed";
}

export function toProgress(name: string, { project_status, run }: DatasetStatus): ProjectProgress {
  return {
    name,
    projectStatus: project_status,
    runState: run?.state ?? "",
    phase: run?.phase ?? null,
    bytes: run?.progress?.bytes ?? 0,
    totalBytes: run?.progress?.total_bytes ?? 0,
    bytesPerSecond: run?.progress?.bytes_per_second ?? 0,
    etaSeconds: run?.progress?.eta_seconds ?? null,
  };
}
