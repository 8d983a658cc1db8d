import { Hono } from "hono";
import { validator } from "hono/validator";
import type { CloudRun } from "../../shared/cloud/cloud-run.ts";
import type { SignUrl } from "../../shared/cloud/sign-url.ts";
import { type AnchorReply, type DispatchReply, dispatchRequest } from "../../shared/contract/dispatch.ts";
import { toFieldFaults } from "../../shared/contract/validation.ts";
import type { Db } from "../../shared/db/connect-db.ts";
import { claimRun } from "../../shared/db/runs.ts";
import { CorralError } from "../../shared/errors.ts";
import type { AppEnv } from "../../shared/http/app-env.ts";
import { prepareApp, refuseOtherMethods } from "../../shared/http/prepare-app.ts";
import { InvalidRequest } from "../../shared/http/respond-error.ts";
import { sameSecret } from "../../shared/http/same-secret.ts";
import { anchorSeals } from "./anchor-seals.ts";
import { launchRun } from "./launch-run.ts";

export interface Deps {
  db: Db;
  cloudRun: CloudRun;
  /** Signs URLs of the bucket. */
  sign: SignUrl;
  dispatchSecret: string;
  /** Keeps the function alive until the promise settles, after its reply. */
  waitUntil: (work: Promise<unknown>) => void;
}

const requestBody = validator("json", (received) => {
  const parsed = dispatchRequest.safeParse(received);
  if (!parsed.success) throw new InvalidRequest(toFieldFaults(parsed.error, received, "body"));
  return parsed.data;
});

/** Does what Postgres asks for: launches the container of a run, and keeps the heads of the audit trail in the bucket. */
export function createApp({ db, cloudRun, sign, dispatchSecret, waitUntil }: Deps) {
  const app = new Hono<AppEnv>({ strict: false });
  prepareApp(app);
  app.use(async (c, next) => {
    const given = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1];
    if (given === undefined || !(await sameSecret(given, dispatchSecret))) throw new CorralError("unauthorized");
    await next();
  });
  app.post("/dispatch", requestBody, async (c) => {
    const { run_id } = c.req.valid("json");
    cloudRun.warmUp();
    const claim = await claimRun(db, run_id);
    if (claim.outcome !== "claimed") return c.json<DispatchReply, 200>({ outcome: claim.outcome, run_id }, 200);
    // pg_net holds back the replies of a whole batch until its slowest request ends: this one ends here.
    waitUntil(launchRun({ db, cloudRun }, { ...claim, runId: run_id }));
    return c.json<DispatchReply, 202>({ outcome: "launching", run_id, attempt: claim.attempt }, 202);
  });
  app.post("/dispatch/anchor", async (c) =>
    c.json<AnchorReply, 200>({ anchored: await anchorSeals({ db, sign }) }, 200),
  );
  refuseOtherMethods(app);
  return app;
}
