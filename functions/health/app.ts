import { Hono } from "hono";
import type { HealthReply } from "../../shared/contract/health.ts";
import type { Db } from "../../shared/db/connect-db.ts";
import { getHealth } from "../../shared/db/settings.ts";
import type { AppEnv } from "../../shared/http/app-env.ts";
import { prepareApp, refuseOtherMethods } from "../../shared/http/prepare-app.ts";

/** The dataset agent's health, and whether Postgres answers. */
export function createApp({ db }: { db: Db }) {
  const app = new Hono<AppEnv>({ strict: false });
  prepareApp(app);
  app.get("/health", async (c) => {
    const health = await getHealth(db).catch((error: unknown) => {
      console.error(`request ${c.var.requestId}: Postgres does not answer:`, error);
      return null;
    });
    if (health === null) return c.json(UNHEALTHY, 503);
    const reply: HealthReply = {
      status: "healthy",
      agent: "dataset",
      auto_polling: health.autoIngestion,
      postgres: "ok",
    };
    return c.json(reply, 200);
  });
  refuseOtherMethods(app);
  return app;
}

const UNHEALTHY: HealthReply = {
  status: "unhealthy",
  agent: "dataset",
  auto_polling: null,
  postgres: "unreachable",
};
