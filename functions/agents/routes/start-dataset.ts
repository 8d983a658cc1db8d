import { pendingDatasetReply, startDatasetReply, startDatasetRequest } from "../../../shared/contract/dataset.ts";
import { type DatasetRun, getDatasetRun, type IngestedDataset, startDataset } from "../../../shared/db/datasets.ts";
import { getWaitLimits } from "../../../shared/db/settings.ts";
import { CorralError, isErrorCode } from "../../../shared/errors.ts";
import { awaitRun } from "../../../shared/http/await-run.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import { preferredWait } from "../../../shared/http/prefer.ts";
import type { Deps } from "../app.ts";

const route = createRoute({
  method: "post",
  path: "/dataset/start",
  request: { body: jsonBody(startDatasetRequest) },
  responses: {
    200: jsonReply(startDatasetReply, "The project has its dataset"),
    202: jsonReply(pendingDatasetReply, "The run goes on; `Prefer: wait=N` says how many seconds to wait for it"),
    ...refusals,
  },
});

/** Starts a project's run, or joins the live one, and waits a while for its dataset. */
export const startDatasetRoute = ({ db, functionsUrl }: Deps) =>
  createRouter().openapi(route, async (c) => {
    const { project_id } = c.req.valid("json");
    const started = await startDataset(db, project_id, c.var.caller);
    if (started.outcome === "already_ingested") return c.json(toSuccess(started.dataset, null), 200);
    if (started.outcome !== "started" && started.outcome !== "joined") throw new CorralError(started.outcome);

    const { runId } = started;
    const limits = await getWaitLimits(db);
    const asked = preferredWait(c.req.header("prefer"));
    const seconds = Math.min(asked ?? limits.defaultSeconds, limits.ceilingSeconds);
    const wait = { seconds, signal: c.req.raw.signal };
    const run = await awaitRun(() => getDatasetRun(db, runId), isOver, wait);
    if (asked !== undefined) c.header("preference-applied", `wait=${seconds}`);
    if (run !== undefined && isOver(run)) return c.json(toSuccess(datasetOf(run), runId), 200);

    const statusUrl = `${functionsUrl}/agents/dataset/status/${project_id}`;
    c.header("location", statusUrl);
    return c.json(
      { success: false, dataset_name: null, gcs_url: null, size: null, run_id: runId, status_url: statusUrl } as const,
      202,
    );
  });

const OVER: DatasetRun["state"][] = ["succeeded", "failed", "cancelled"];
const isOver = (run: DatasetRun | undefined) => run !== undefined && OVER.includes(run.state);

/** The dataset of a run that is over; a run without one ends the request with its error. */
function datasetOf(run: DatasetRun): IngestedDataset {
  if (run.dataset !== null) return run.dataset;
  const code = run.errorCode ?? "";
  if (!isErrorCode(code)) throw new Error(`A run ended as ${run.state} with the unknown code "${code}"`);
  // The seed's clients know this one by its words.
  const detail = code === "no_suitable_dataset" ? undefined : (run.errorMessage ?? undefined);
  throw new CorralError(code, detail);
}

const toSuccess = ({ name, gcsUrl, size }: IngestedDataset, runId: number | null) =>
  ({ success: true, dataset_name: name, gcs_url: gcsUrl, size, run_id: runId }) as const;
