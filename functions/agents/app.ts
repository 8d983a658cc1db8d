import type { Db } from "../../shared/db/connect-db.ts";
import type { ReadCaller } from "../../shared/http/caller.ts";
import { createRouter } from "../../shared/http/create-router.ts";
import { identifyCaller } from "../../shared/http/identify-caller.ts";
import { prepareApp, refuseOtherMethods } from "../../shared/http/prepare-app.ts";
import { datasetStatusRoute } from "./routes/dataset-status.ts";
import { saveCredentialsRoute } from "./routes/save-credentials.ts";
import { setAutoIngestionRoutes } from "./routes/set-auto-ingestion.ts";
import { startDatasetRoute } from "./routes/start-dataset.ts";

export interface Deps {
  db: Db;
  readCaller: ReadCaller;
  /** Where clients reach the functions, without a slash at its end. */
  functionsUrl: string;
}

/** The dataset agent's API. */
export function createApp(deps: Deps) {
  const app = createRouter();
  prepareApp(app);
  app.use(identifyCaller(deps.readCaller));
  app.route("/agents", startDatasetRoute(deps));
  app.route("/agents", saveCredentialsRoute(deps));
  app.route("/agents", datasetStatusRoute(deps));
  app.route("/agents", setAutoIngestionRoutes(deps));
  app.doc31("/agents/openapi.json", { openapi: "3.1.0", info: { title: "Corral dataset agent", version: "1" } });
  refuseOtherMethods(app);
  return app;
}
