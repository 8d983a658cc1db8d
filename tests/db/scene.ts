import { randomUUID } from "node:crypto";
import type { Row, TestDatabase } from "../setup/database.ts";

export type Wishes = Partial<{
  id: string;
  user_id: string | null;
  name: string;
  status: string;
  search_keywords: string[];
  metadata: unknown;
}>;

/** Adds a Supabase Auth user, and so a public one. */
export async function addUser(db: TestDatabase, email = `${randomUUID()}@example.com`): Promise<string> {
  return firstOf(
    await db.sql<{ id: string }>("insert into auth.users (id, email) values ($1, $2) returning id", [
      randomUUID(),
      email,
    ]),
  ).id;
}

/** Adds a project of a new user, unless told otherwise. */
export async function addProject(db: TestDatabase, wishes: Wishes = {}): Promise<{ id: string; owner: string | null }> {
  const { id = randomUUID(), name = "Rain", status = "draft", search_keywords = [], metadata = {} } = wishes;
  const owner = wishes.user_id === undefined ? await addUser(db) : wishes.user_id;
  await db.sql(
    `insert into public.projects (id, user_id, name, status, search_keywords, metadata) values ($1, $2, $3, $4, $5, $6)`,
    [id, owner, name, status, search_keywords, JSON.stringify(metadata)],
  );
  return { id, owner };
}

export interface Run extends Row {
  id: string;
  kind: string;
  subject: string;
  state: string;
  attempt: number;
  failures: number;
  max_attempts: number;
  run_after: Date;
  redeliver_at: Date;
  request_id: string | null;
  lease_expires_at: Date | null;
  error_code: string | null;
  error_message: string | null;
}

/** The runs about something, oldest first. */
export async function runsOf(db: TestDatabase, subject: string): Promise<Run[]> {
  return db.sql<Run>("select * from corral.runs where subject = $1 order by id", [subject]);
}

/** The newest run about something. */
export async function runOf(db: TestDatabase, subject: string): Promise<Run> {
  return firstOf((await runsOf(db, subject)).toReversed());
}

export async function statusOf(db: TestDatabase, project: string): Promise<string> {
  return firstOf(await db.sql<{ status: string }>("select status from public.projects where id = $1", [project]))
    .status;
}

/** Brings a project in pending_dataset to a run whose container is at work. */
export async function startContainer(db: TestDatabase, project: string): Promise<{ run: string; attempt: number }> {
  const { id: run } = await runOf(db, project);
  const { attempt } = firstOf(await db.sql<{ attempt: number }>("select * from public.claim_run($1)", [run]));
  await db.sql("select * from public.start_run($1, $2, 'execution')", [run, attempt]);
  return { run, attempt };
}

/** Adds a project whose run's container is at work. */
export async function addRunningProject(db: TestDatabase, wishes: Wishes = {}) {
  const project = await addProject(db, { status: "pending_dataset", ...wishes });
  return { ...project, ...(await startContainer(db, project.id)) };
}

/** Calls a function that answers one value. */
export async function call<T>(db: TestDatabase, expression: string, params: unknown[] = []): Promise<T> {
  return firstOf(await db.sql<{ answer: T }>(`select ${expression} as answer`, params)).answer;
}

export const PUBLISH = `public.publish_dataset($1, $2, 'vega/seattle-weather', 'gs://bucket/raw/vega_seattle-weather_v3.zip',
  4509715661, 'yZRlqg==', 'XrY7u+Ae7tCTyyK7j1rNww==', 3, 'CC0-1.0', '[{"ref": "vega/seattle-weather"}]')`;

/** The name of the exception's SQLSTATE, or undefined if the promise resolves. */
export async function sqlstateOf(statement: Promise<unknown>): Promise<string | undefined> {
  try {
    await statement;
    return undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error) return String(error.code);
    throw error;
  }
}

/** Counts the seconds from one time to another. */
export function secondsBetween(from: Date, to: Date | null): number {
  if (to === null) throw new Error("There is no such time");
  return (to.getTime() - from.getTime()) / 1000;
}

export function firstOf<T>(rows: T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error("Expected a row");
  return row;
}
