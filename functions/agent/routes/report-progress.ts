import { progressReply, progressRequest } from "../../../shared/contract/agent.ts";
import { reportTaskProgress } from "../../../shared/db/tasks.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { throwRefusal } from "../throw-refusal.ts";
import { toNamedTask } from "../to-named-tasks.ts";
import { toTiming } from "../to-timing.ts";

const route = createRoute({
  method: "post",
  path: "/progress",
  request: { body: jsonBody(progressRequest) },
  responses: { 200: jsonReply(progressReply, "Whether to go on"), ...refusals },
});

const MESSAGES = { continue: "Progress noted", stop: "The task is no longer yours. Stop it." };

/** Notes how far a task is and what it last said. */
export const reportProgressRoute = ({ db }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { agent_id, progress = null, message = null, ...named } = c.req.valid("json");
    const speaker = { agent: agent_id, token: c.var.tokenHash };
    const { outcome, ...timing } = await reportTaskProgress(db, speaker, { ...toNamedTask(named), progress, message });
    throwRefusal(outcome);
    return c.json({ message: MESSAGES[outcome], outcome, ...toTiming(timing) }, 200);
  });
