import { answer, firstRow, onlyRow } from "./answers.ts";
import { type Caller, callerArgs } from "./caller-args.ts";
import type { Db } from "./connect-db.ts";
import type { Database } from "./database.types.ts";
import type { NullableRow } from "./nullable-row.ts";
import type { RunState } from "./runs.ts";

type Enums = Database["corral"]["Enums"];
type Tables = Database["public"]["Tables"];
export type DatasetRow = Tables["datasets"]["Row"];
export type LogRow = Tables["agent_logs"]["Row"];
export type RunRow = Database["corral"]["Tables"]["runs"]["Row"];
export type ProjectStatus = Database["public"]["Enums"]["project_status"];

/** A dataset, as a start tells it. */
export interface IngestedDataset {
  name: string;
  gcsUrl: string;
  /** For people, such as `4.20 GB`; other agents may leave it out. */
  size: string | null;
}

export type StartedDataset =
  | { outcome: "started" | "joined"; runId: number }
  | { outcome: "already_ingested"; dataset: IngestedDataset }
  | { outcome: "project_busy" | "project_not_found" | "unauthorized" };

/** Starts a project's ingestion, or joins the one under way. */
export async function startDataset(db: Db, projectId: string, caller: Caller): Promise<StartedDataset> {
  const row = await onlyRow(db.rpc("start_dataset", { p_project: projectId, ...callerArgs(caller) }));
  switch (row.outcome) {
    case "started":
    case "joined":
      return { outcome: row.outcome, runId: row.run_id };
    case "already_ingested":
      return { outcome: row.outcome, dataset: { name: row.dataset_name, gcsUrl: row.gcs_url, size: row.size } };
    default:
      return { outcome: row.outcome };
  }
}

export interface DatasetRun {
  state: RunState;
  errorCode: string | null;
  errorMessage: string | null;
  /** What a run that succeeded brought. */
  dataset: IngestedDataset | null;
}

/** How a dataset run is getting on; undefined when there is no such run. */
export async function getDatasetRun(db: Db, run: number): Promise<DatasetRun | undefined> {
  const row: NullableRow<"get_dataset_run", "state"> | undefined = await firstRow(
    db.rpc("get_dataset_run", { p_run: run }),
  );
  if (row === undefined) return undefined;
  const { state, dataset_name: name, gcs_url: gcsUrl, size } = row;
  return {
    state,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    dataset: name !== null && gcsUrl !== null ? { name, gcsUrl, size } : null,
  };
}

export type DatasetStatus =
  | {
      outcome: "found";
      projectStatus: ProjectStatus;
      dataset: DatasetRow | null;
      /** The ten newest, newest first. */
      logs: LogRow[];
      /** The newest. */
      run: RunRow | null;
    }
  | { outcome: "project_not_found" | "unauthorized" };

/** What there is to tell about a project's dataset. */
export async function getDatasetStatus(db: Db, projectId: string, caller: Caller): Promise<DatasetStatus> {
  const row = await onlyRow(db.rpc("get_dataset_status", { p_project: projectId, ...callerArgs(caller) }));
  if (row.outcome !== "found") return { outcome: row.outcome };
  const { outcome, dataset, logs, run } = row;
  return { outcome, projectStatus: row.project_status, dataset, logs, run };
}

/** Keeps a project's Kaggle credentials in Vault until its dataset is there. */
export async function saveKaggleCredentials(
  db: Db,
  projectId: string,
  credentials: { username: string; key: string },
  caller: Caller,
): Promise<Enums["save_credentials_outcome"]> {
  return answer(
    db.rpc("save_kaggle_credentials", {
      p_project: projectId,
      p_username: credentials.username,
      p_key: credentials.key,
      ...callerArgs(caller),
    }),
  );
}
