import type { Db } from "../../shared/db/connect-db.ts";
import type { ReadCaller } from "../../shared/http/caller.ts";
import { createRouter } from "../../shared/http/create-router.ts";
import { identifyCaller } from "../../shared/http/identify-caller.ts";
import { prepareApp, refuseOtherMethods } from "../../shared/http/prepare-app.ts";
import type { JobFiles } from "./job-files.ts";
import { controlJobRoutes } from "./routes/control-job.ts";
import { createJobRoute } from "./routes/create-job.ts";
import { downloadJobRoute } from "./routes/download-job.ts";
import { getJobRoute } from "./routes/get-job.ts";
import { listJobsRoute } from "./routes/list-jobs.ts";
import { openUploadRoute } from "./routes/open-upload.ts";
import { JOB_UPLOAD, uploadJobRoute } from "./routes/upload-job.ts";

export interface Deps {
  db: Db;
  readCaller: ReadCaller;
  files: JobFiles;
}

/** The API of those who have work to be done. */
export function createApp(deps: Deps) {
  const app = createRouter();
  prepareApp(app, [JOB_UPLOAD]);
  app.use(identifyCaller(deps.readCaller));
  // Before the routes: it would be taken for a job's id.
  app.doc31("/jobs/openapi.json", { openapi: "3.1.0", info: { title: "Corral jobs", version: "1" } });
  app.route("/jobs", createJobRoute(deps));
  app.route("/jobs", uploadJobRoute(deps));
  app.route("/jobs", openUploadRoute(deps));
  app.route("/jobs", listJobsRoute(deps));
  app.route("/jobs", downloadJobRoute(deps));
  app.route("/jobs", getJobRoute(deps));
  app.route("/jobs", controlJobRoutes(deps));
  refuseOtherMethods(app);
  return app;
}
