import { answer, onlyRow } from "./answers.ts";
import type { Db } from "./connect-db.ts";
import type { Database, Json } from "./database.types.ts";

export type ArtifactRow = Database["corral"]["Views"]["artifacts_shown"]["Row"];

export interface ArtifactSpec {
  name: string;
  type: string;
  format: string;
  sizeBytes: number | null;
  metadata: Json;
  tags: string[];
  /** Null: as long as the swarm's artifacts stay. */
  expiryDays: number | null;
}

/** Makes an artifact whose content is still to come. */
export async function createArtifact(db: Db, call: number, spec: ArtifactSpec): Promise<ArtifactRow> {
  const { name, type, format, sizeBytes, metadata, tags, expiryDays } = spec;
  const p_artifact = { name, type, format, size_bytes: sizeBytes, metadata, tags, expiry_days: expiryDays };
  return onlyRow(db.rpc("create_artifact", { p_call: call, p_artifact }));
}

/** Tells that an artifact's content is in the bucket. */
export async function completeArtifact(
  db: Db,
  call: number,
  artifact: string,
  { size, crc32c }: { size: number; crc32c: string },
): Promise<ArtifactRow> {
  return onlyRow(db.rpc("complete_artifact", { p_call: call, p_artifact: artifact, p_size: size, p_crc32c: crc32c }));
}

/** An artifact of the caller's swarm, which from now on stays as long as when it was new. */
export async function getArtifact(db: Db, call: number, artifact: string): Promise<ArtifactRow> {
  return onlyRow(db.rpc("get_artifact", { p_call: call, p_artifact: artifact }));
}

export interface ArtifactFilter {
  type?: string | undefined;
  format?: string | undefined;
  tags?: string[] | undefined;
  limit?: number | undefined;
  before?: string | undefined;
}

/** The artifacts of the caller's swarm, newest first. */
export async function listArtifacts(db: Db, call: number, filter: ArtifactFilter): Promise<ArtifactRow[]> {
  return answer(db.rpc("list_artifacts", { p_call: call, p_filter: { ...filter } }));
}

/** Changes what is said about an artifact. */
export async function updateArtifact(
  db: Db,
  call: number,
  artifact: string,
  changes: {
    name?: string | undefined;
    type?: string | undefined;
    metadata?: Json | undefined;
    tags?: string[] | undefined;
  },
): Promise<ArtifactRow> {
  return onlyRow(db.rpc("update_artifact", { p_call: call, p_artifact: artifact, p_changes: changes }));
}

/** Takes an artifact out of the swarm, and answers what it was: its object is left. */
export async function deleteArtifact(db: Db, call: number, artifact: string): Promise<ArtifactRow> {
  return onlyRow(db.rpc("delete_artifact", { p_call: call, p_artifact: artifact }));
}

/** Lets an artifact stay so many days from now, at least. */
export async function extendArtifact(db: Db, call: number, artifact: string, days: number): Promise<ArtifactRow> {
  return onlyRow(db.rpc("extend_artifact", { p_call: call, p_artifact: artifact, p_days: days }));
}
