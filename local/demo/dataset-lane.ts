import { PostgrestClient } from "@supabase/postgrest-js";
import type { Database } from "../../shared/db/database.types.ts";
import type { Cloud } from "../cloud.ts";
import { signIn } from "../seed-cloud.ts";
import { formatBytes, formatDuration, formatTable } from "../text-table.ts";
import { type InspectedObject, inspectObject } from "./inspect-object.ts";
import { ProgressView } from "./progress-view.ts";
import { type DatasetStatus, isSettled, readStatus, toProgress } from "./read-status.ts";

interface DemoProject {
  name: string;
  keywords: string[];
  expected: "pending_training" | "failed";
}

const PROJECTS: DemoProject[] = [
  { name: "Rain in Seattle", keywords: ["seattle", "weather"], expected: "pending_training" },
  { name: "Late flights", keywords: ["flights", "delays"], expected: "pending_training" },
  { name: "Whale songs", keywords: ["whale", "hydrophone"], expected: "failed" },
];
const POLL_MS = 200;
const LIMIT_MS = 120_000;

interface Outcome {
  project: DemoProject;
  id: string;
  status: DatasetStatus;
}

export interface IngestedProject {
  id: string;
  name: string;
  gcsUrl: string;
}

/**
 * Sets three projects to pending_dataset as their owner, follows them to the end, checks what arrived, and resolves to
 * those that have their dataset.
 */
export async function runDatasetLane(
  cloud: Cloud,
  out: NodeJS.WriteStream,
  signal: AbortSignal,
): Promise<IngestedProject[]> {
  const { info } = cloud;
  const token = await signIn(info.api_url, info.anon_key, info.owner);
  const db = new PostgrestClient<Database>(`${info.api_url}/rest/v1`, {
    headers: { apikey: info.anon_key, authorization: `Bearer ${token}` },
  });
  out.write(`\nThe owner sets ${PROJECTS.length} projects to pending_dataset; Postgres takes it from there.\n\n`);
  const { data, error } = await db
    .from("projects")
    .insert(
      PROJECTS.map(({ name, keywords }) => ({
        user_id: info.owner.id,
        name,
        search_keywords: keywords,
        dataset_source: "kaggle",
        status: "pending_dataset" as const,
      })),
    )
    .select("id, name");
  if (error) throw new Error(`Cannot create the projects: ${error.message}`);
  const idOf = new Map(data.map((row) => [row.name, row.id]));

  const outcomes = await follow(
    PROJECTS.map((project) => ({ project, id: idOf.get(project.name) ?? "" })),
    (id) => readStatus(info.functions_url, token, id),
    new ProgressView(out),
    signal,
  );
  await report(cloud, outcomes, out);
  return outcomes.flatMap(({ project, id, status }) =>
    status.dataset ? [{ id, name: project.name, gcsUrl: status.dataset.gcs_url }] : [],
  );
}

async function follow(
  projects: { project: DemoProject; id: string }[],
  read: (id: string) => Promise<DatasetStatus>,
  view: ProgressView,
  signal: AbortSignal,
): Promise<Outcome[]> {
  const startedAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const outcomes = await Promise.all(projects.map(async (entry) => ({ ...entry, status: await read(entry.id) })));
    const elapsed = performance.now() - startedAt;
    view.show(
      outcomes.map(({ project, status }) => toProgress(project.name, status)),
      elapsed,
    );
    if (outcomes.every(({ status }) => isSettled(status))) return outcomes;
    if (elapsed > LIMIT_MS) throw new Error(`The projects did not settle within ${formatDuration(LIMIT_MS)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function report(cloud: Cloud, outcomes: Outcome[], out: NodeJS.WriteStream): Promise<void> {
  const inspected = new Map<string, InspectedObject>();
  for (const { id, status } of outcomes) {
    if (status.dataset) inspected.set(id, await inspectObject(cloud.info.storage_endpoint, status.dataset.gcs_url));
  }
  out.write(`\n${formatTable(HEADER, outcomes.map(toRow))}\n`);
  for (const { project, id, status } of outcomes) {
    out.write(
      `\n${project.name}\n  ${status.dataset ? describeDataset(status, inspected.get(id)) : describeFailure(status)}\n`,
    );
  }
  const surprises = outcomes.flatMap((outcome) => findSurprises(outcome, inspected.get(outcome.id)));
  if (surprises.length > 0) throw new Error(surprises.join("; "));
}

const HEADER = ["project", "status", "dataset", "bytes", "rate", "commit → container", "crc32c"];

function toRow({ project, status }: Outcome): string[] {
  const { dataset, run } = status;
  const bytesPerSecond = run?.progress?.bytes_per_second;
  return [
    project.name,
    status.project_status,
    dataset?.name ?? "—",
    dataset ? formatBytes(dataset.size_bytes) : "—",
    bytesPerSecond ? `${formatBytes(bytesPerSecond)}/s` : "—",
    run?.started_at ? formatDuration(Date.parse(run.started_at) - Date.parse(run.created_at)) : "—",
    dataset?.crc32c ?? "—",
  ];
}

function describeDataset({ dataset }: DatasetStatus, object: InspectedObject | undefined): string {
  if (!dataset || !object) return "";
  const best = dataset.candidates?.[0];
  const why = best
    ? Object.entries(best.parts)
        .sort(([, one], [, other]) => other - one)
        .map(([part, value]) => `${part} ${value.toFixed(2)}`)
        .join(", ")
    : "";
  const preview = object.previews.flatMap(({ name, lines }) => [`${name}:`, ...lines.map((line) => `    ${line}`)]);
  return [
    `chosen: ${dataset.name} of ${dataset.candidates?.length ?? 0} candidates (${why})`,
    `object: ${dataset.gcs_url}  crc32c ${dataset.crc32c}  md5 ${dataset.md5 ?? "—"}`,
    `inside: ${object.files.join(", ")}`,
    ...preview,
  ].join("\n  ");
}

function describeFailure({ run }: DatasetStatus): string {
  return `${run?.error_code ?? "no run"}: ${run?.error_message ?? ""}`;
}

function findSurprises({ project, status }: Outcome, object: InspectedObject | undefined): string[] {
  const surprises: string[] = [];
  if (status.project_status !== project.expected)
    surprises.push(`"${project.name}" is ${status.project_status}, not ${project.expected}`);
  if (project.expected === "failed") {
    if (status.run?.error_code !== "no_suitable_dataset")
      surprises.push(`"${project.name}" failed with ${status.run?.error_code}`);
    return surprises;
  }
  if (!status.dataset || !object) return [...surprises, `"${project.name}" has no dataset`];
  if (object.crc32c !== status.dataset.crc32c)
    surprises.push(`the object of "${project.name}" has CRC32C ${object.crc32c}, not ${status.dataset.crc32c}`);
  if (object.bytes !== status.dataset.size_bytes)
    surprises.push(`the object of "${project.name}" has ${object.bytes} bytes, not ${status.dataset.size_bytes}`);
  if (object.files.length === 0) surprises.push(`the archive of "${project.name}" is empty`);
  return surprises;
}
