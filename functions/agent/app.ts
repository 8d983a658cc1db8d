import type { SignUrl } from "../../shared/cloud/sign-url.ts";
import type { Db } from "../../shared/db/connect-db.ts";
import { settleJob } from "../../shared/db/tasks.ts";
import type { AgentEnv } from "../../shared/http/app-env.ts";
import { createRouter } from "../../shared/http/create-router.ts";
import { identifyAgent } from "../../shared/http/identify-agent.ts";
import { prepareApp, refuseOtherMethods } from "../../shared/http/prepare-app.ts";
import { createHotCalls, type HotCalls } from "./hot-calls.ts";
import { completeTaskRoute } from "./routes/complete-task.ts";
import { cycleRoute } from "./routes/cycle.ts";
import { deregisterRoute } from "./routes/deregister.ts";
import { failTaskRoute } from "./routes/fail-task.ts";
import { heartbeatRoute } from "./routes/heartbeat.ts";
import { registerRoute } from "./routes/register.ts";
import { reportProgressRoute } from "./routes/report-progress.ts";
import { requestTaskRoute } from "./routes/request-task.ts";
import { RESULT_UPLOAD, uploadResultRoute } from "./routes/upload-result.ts";
import { uploadUrlRoute } from "./routes/upload-url.ts";
import { createSettler } from "./settle-jobs.ts";
import { createTaskFiles, type TaskFiles } from "./task-files.ts";

export interface AppOptions {
  db: Db;
  anonKey: string;
  storage: {
    bucket: string;
    /** Another address than Google's. */
    endpoint?: string | undefined;
    sign: SignUrl;
  };
  /** Keeps the function alive until the promise settles, after its reply. */
  waitUntil: (work: Promise<unknown>) => void;
}

export interface Deps {
  db: Db;
  /** The calls that come in great numbers. */
  hot: HotCalls;
  files: TaskFiles;
  /** Sees to the end of a job, after the reply. */
  settleLater: (job: number) => void;
}

/** The compute agents' API. */
export function createApp({ db, anonKey, storage, waitUntil }: AppOptions) {
  const deps: Deps = {
    db,
    hot: createHotCalls(db),
    files: createTaskFiles(storage),
    settleLater: createSettler((job) => settleJob(db, job), waitUntil),
  };
  const app = createRouter<AgentEnv>();
  prepareApp(app, [RESULT_UPLOAD]);
  app.use(identifyAgent(anonKey));
  app.route("/agent", registerRoute(deps));
  app.route("/agent", heartbeatRoute(deps));
  app.route("/agent", requestTaskRoute(deps));
  app.route("/agent", completeTaskRoute(deps));
  app.route("/agent", failTaskRoute(deps));
  app.route("/agent", reportProgressRoute(deps));
  app.route("/agent", uploadUrlRoute(deps));
  app.route("/agent", uploadResultRoute(deps));
  app.route("/agent", cycleRoute(deps));
  app.route("/agent", deregisterRoute(deps));
  app.doc31("/agent/openapi.json", { openapi: "3.1.0", info: { title: "Corral compute agents", version: "1" } });
  refuseOtherMethods(app);
  return app;
}
