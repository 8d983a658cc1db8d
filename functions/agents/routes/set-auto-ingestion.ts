import { successReply } from "../../../shared/contract/dataset.ts";
import { setAutoIngestion } from "../../../shared/db/settings.ts";
import { CorralError } from "../../../shared/errors.ts";
import { createRoute, createRouter, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";

const route = (path: string) =>
  createRoute({
    method: "post",
    path,
    responses: { 200: jsonReply(successReply, "Whether this call changed anything"), ...refusals },
  });

/** Switch automatic ingestion; on, it also picks up what is waiting. */
export const setAutoIngestionRoutes = ({ db }: Deps) =>
  createRouter()
    .openapi(route("/dataset/polling/start"), async (c) => {
      const outcome = await setAutoIngestion(db, true, c.var.caller);
      if (outcome === "unauthorized" || outcome === "forbidden") throw new CorralError(outcome);
      const changed = outcome === "changed";
      const message = changed ? "Auto-polling started" : "Polling already active";
      return c.json({ success: changed, message }, 200);
    })
    .openapi(route("/dataset/polling/stop"), async (c) => {
      const outcome = await setAutoIngestion(db, false, c.var.caller);
      if (outcome === "unauthorized" || outcome === "forbidden") throw new CorralError(outcome);
      return c.json({ success: true, message: "Auto-polling stopped" }, 200);
    });
