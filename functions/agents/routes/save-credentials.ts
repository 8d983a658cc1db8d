import { saveCredentialsRequest, successReply } from "../../../shared/contract/dataset.ts";
import { saveKaggleCredentials } from "../../../shared/db/datasets.ts";
import { CorralError } from "../../../shared/errors.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";

const route = createRoute({
  method: "post",
  path: "/dataset/auth",
  request: { body: jsonBody(saveCredentialsRequest) },
  responses: { 200: jsonReply(successReply, "Saved"), ...refusals },
});

/** Keeps a project's Kaggle credentials in Vault until its dataset is there. */
export const saveCredentialsRoute = ({ db }: Deps) =>
  createRouter().openapi(route, async (c) => {
    const { project_id, kaggle_username, kaggle_key } = c.req.valid("json");
    const credentials = { username: kaggle_username, key: kaggle_key };
    const outcome = await saveKaggleCredentials(db, project_id, credentials, c.var.caller);
    if (outcome !== "saved") throw new CorralError(outcome);
    return c.json({ success: true, message: "Kaggle credentials saved" }, 200);
  });
