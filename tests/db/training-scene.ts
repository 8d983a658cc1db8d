import type { TestDatabase } from "../setup/database.ts";
import { addProject } from "./scene.ts";

/** Adds a project with a dataset, still a draft. */
export async function addTrainable(
  db: TestDatabase,
  metadata: unknown,
  owner?: string | null,
): Promise<{ id: string; owner: string | null }> {
  const project = await addProject(db, { metadata, ...(owner === undefined ? {} : { user_id: owner }) });
  await db.sql("insert into public.datasets (project_id, name, gcs_url) values ($1, 'a/b', $2)", [
    project.id,
    `gs://bucket/raw/${project.id}.zip`,
  ]);
  return project;
}

export const setStatus = (db: TestDatabase, project: string, status: string) =>
  db.sql("update public.projects set status = $2 where id = $1", [project, status]);

export const setMetadata = (db: TestDatabase, project: string, metadata: unknown) =>
  db.sql("update public.projects set metadata = $2 where id = $1", [project, JSON.stringify(metadata)]);

/** The jobs of a project, oldest first. */
export const jobsOf = (db: TestDatabase, project: string) =>
  db.sql("select * from corral.jobs where project_id = $1 order by id", [project]);
