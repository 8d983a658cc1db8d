import type { z } from "zod";
import { type datasetRun, datasetStatusParams, datasetStatusReply } from "../../../shared/contract/dataset.ts";
import type { Json } from "../../../shared/db/database.types.ts";
import { getDatasetStatus, type RunRow } from "../../../shared/db/datasets.ts";
import { CorralError } from "../../../shared/errors.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";

const route = createRoute({
  method: "get",
  path: "/dataset/status/{project_id}",
  request: { params: datasetStatusParams },
  responses: {
    200: jsonReply(datasetStatusReply, "The dataset, the newest log lines, and the newest run"),
    ...refusals,
  },
});

/** Tells a project's dataset, its newest log lines and how its run is getting on. */
export const datasetStatusRoute = ({ db }: Deps) =>
  createRouter().openapi(route, async (c) => {
    const status = await getDatasetStatus(db, c.req.valid("param").project_id, c.var.caller);
    if (status.outcome !== "found") throw new CorralError(status.outcome);
    const { dataset, logs, projectStatus, run } = status;
    return c.json({ dataset, logs, project_status: projectStatus, run: run && toDatasetRun(run) }, 200);
  });

/** A run without what is nobody's business: its arguments, its lease, its deliveries. */
function toDatasetRun(run: RunRow): z.infer<typeof datasetRun> {
  const progress = isRecord(run.progress) ? run.progress : null;
  const eta = progress?.eta_seconds;
  return {
    id: run.id,
    state: run.state,
    attempt: run.attempt,
    max_attempts: run.max_attempts,
    phase: run.phase,
    progress,
    eta_seconds: typeof eta === "number" ? eta : null,
    error_code: run.error_code,
    error_message: run.error_message,
    created_at: run.created_at,
    started_at: run.started_at,
    finished_at: run.finished_at,
  };
}

function isRecord(value: Json | null): value is { [key: string]: Json | undefined } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
