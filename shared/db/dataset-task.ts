import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database, Json } from "./database.types.ts";

type Enums = Database["corral"]["Enums"];

export type DatasetTask =
  | {
      outcome: "ready";
      projectName: string;
      keywords: string[];
      /** The project's metadata, as its owner wrote it but without credentials: its wishes, not judged yet. */
      options: Json;
      /** The limit of the settings, for a project that names none. */
      maxDatasetSizeGb: number;
      /** The project's own; null when it has none. */
      credentials: { username: string; key: string } | null;
    }
  | { outcome: "stale" };

/** What the current attempt of a run is to fetch; the credentials are for memory only. */
export async function getDatasetTask(db: Db, run: number, attempt: number): Promise<DatasetTask> {
  const row = await onlyRow(db.rpc("get_dataset_task", { p_run: run, p_attempt: attempt }));
  if (row.outcome !== "ready") return { outcome: row.outcome };
  const username: string | null = row.kaggle_username;
  const key: string | null = row.kaggle_key;
  return {
    outcome: row.outcome,
    projectName: row.project_name,
    keywords: row.keywords,
    options: row.options,
    maxDatasetSizeGb: row.max_dataset_size_gb,
    credentials: username !== null && key !== null ? { username, key } : null,
  };
}

export interface Milestone {
  log: string;
  level?: "info" | "warning" | "error";
  /** For the project's owner. */
  message?: string | undefined;
}

/** Writes a line into the project's log and, with a message, tells its owner; false when the attempt is over. */
export async function recordMilestone(
  db: Db,
  run: number,
  attempt: number,
  { log, level, message }: Milestone,
): Promise<boolean> {
  return answer(
    db.rpc("record_milestone", {
      p_run: run,
      p_attempt: attempt,
      p_log: log,
      p_log_level: level,
      p_message: message,
    }),
  );
}

export interface PublishedDataset {
  name: string;
  gcsUrl: string;
  sizeBytes: number;
  /** Base64, as Cloud Storage writes it; so is md5. */
  crc32c: string;
  md5: string | null;
  kaggleVersion: number | null;
  license: string | null;
  /** What was judged, the chosen one first. */
  candidates: Json;
}

/** Hands the project its dataset and ends the run, all at once; stale when the attempt was replaced. */
export async function publishDataset(
  db: Db,
  run: number,
  attempt: number,
  dataset: PublishedDataset,
): Promise<Enums["publish_outcome"]> {
  return answer(
    db.rpc("publish_dataset", {
      p_run: run,
      p_attempt: attempt,
      p_name: dataset.name,
      p_gcs_url: dataset.gcsUrl,
      p_size_bytes: dataset.sizeBytes,
      p_crc32c: dataset.crc32c,
      p_md5: dataset.md5 ?? undefined,
      p_kaggle_version: dataset.kaggleVersion ?? undefined,
      p_license: dataset.license ?? undefined,
      p_candidates: dataset.candidates,
    }),
  );
}
