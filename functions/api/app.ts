import type { SupabaseAuth } from "../../shared/cloud/supabase-auth.ts";
import type { Db } from "../../shared/db/connect-db.ts";
import type { DataEnv } from "../../shared/http/app-env.ts";
import type { ReadCaller } from "../../shared/http/caller.ts";
import { createRouter } from "../../shared/http/create-router.ts";
import { prepareApp, refuseOtherMethods } from "../../shared/http/prepare-app.ts";
import { BASE } from "./api-paths.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { createCallLog } from "./call-log.ts";
import { DOCUMENT, describeOperation, SECURITY_SCHEMES } from "./openapi.ts";
import type { QueryFiles } from "./query-files.ts";
import type { QueryWatch } from "./query-watch.ts";
import { recordCalls } from "./record-calls.ts";
import { auditRoute } from "./routes/audit.ts";
import { browseTablesRoutes } from "./routes/browse-tables.ts";
import { ARTIFACT_UPLOAD, createArtifactRoutes } from "./routes/create-artifact.ts";
import { grantRoutes } from "./routes/grants.ts";
import { issueTokenRoute } from "./routes/issue-token.ts";
import { listDataTablesRoutes } from "./routes/list-data-tables.ts";
import { manageTablesRoutes } from "./routes/manage-tables.ts";
import { profileDataRoute } from "./routes/profile-data.ts";
import { queryRoutes } from "./routes/queries.ts";
import { registerTableRoutes } from "./routes/register-table.ts";
import { sampleDataRoute } from "./routes/sample-data.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { shareArtifactRoutes } from "./routes/share-artifacts.ts";
import { syncRoutes } from "./routes/syncs.ts";
import { taskRoutes } from "./routes/tasks.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import type { SnapshotFiles } from "./snapshot-files.ts";

export interface Deps {
  db: Db;
  readCaller: ReadCaller;
  auth: SupabaseAuth;
  /** Of the project: who sends it as a token says nothing about himself. */
  anonKey: string;
  snapshots: SnapshotFiles;
  results: QueryFiles;
  watch: QueryWatch;
  artifacts: ArtifactStore;
  /** Keeps the function alive until the promise settles, after its reply. */
  waitUntil: (work: Promise<unknown>) => void;
}

/** The data API: admins sync tables and hand out tokens, agents sample, profile and query. */
export function createApp(deps: Deps) {
  // `/queries` and `/queries/` are one path here.
  const app = createRouter<DataEnv>({ strict: false });
  const log = createCallLog(deps.db, deps.waitUntil);
  prepareApp(app, [ARTIFACT_UPLOAD], [recordCalls({ ...deps, log })]);
  app.route(BASE, issueTokenRoute(deps));
  app.route(BASE, registerTableRoutes(deps));
  app.route(BASE, browseTablesRoutes(deps));
  app.route(BASE, scheduleRoutes(deps));
  app.route(BASE, syncRoutes(deps));
  app.route(BASE, tokenRoutes(deps));
  app.route(BASE, manageTablesRoutes(deps));
  app.route(BASE, grantRoutes(deps));
  app.route(BASE, auditRoute(deps));
  app.route(BASE, taskRoutes(deps));
  app.route(BASE, listDataTablesRoutes(deps));
  app.route(BASE, sampleDataRoute(deps));
  app.route(BASE, profileDataRoute(deps));
  app.route(BASE, queryRoutes(deps));
  app.route(BASE, createArtifactRoutes(deps));
  app.route(BASE, shareArtifactRoutes(deps));
  app.doc31(`${BASE}/openapi.json`, DOCUMENT, { describe: describeOperation, securitySchemes: SECURITY_SCHEMES });
  refuseOtherMethods(app);
  return app;
}
