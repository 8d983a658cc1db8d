import { failTaskReply, failTaskRequest } from "../../../shared/contract/agent.ts";
import { failTask } from "../../../shared/db/tasks.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { throwRefusal } from "../throw-refusal.ts";
import { toNamedTask } from "../to-named-tasks.ts";
import { toTiming } from "../to-timing.ts";

const route = createRoute({
  method: "post",
  path: "/fail_task",
  request: { body: jsonBody(failTaskRequest) },
  responses: { 200: jsonReply(failTaskReply, "What becomes of the task"), ...refusals },
});

const MESSAGES = {
  retrying: "The task will be tried again.",
  failed: "The task has failed for good.",
  returned: "The task is handed out again.",
};

/** Ends an attempt that failed, or that its agent gives back. */
export const failTaskRoute = ({ db, settleLater }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { agent_id, reason, retryable, give_back, ...named } = c.req.valid("json");
    const failure = { ...toNamedTask(named), reason, retryable, giveBack: give_back };
    const failed = await failTask(db, { agent: agent_id, token: c.var.tokenHash }, failure);
    const { outcome, jobId, settle } = failed;
    throwRefusal(outcome);
    if (settle && jobId !== null) settleLater(jobId);
    return c.json({ message: MESSAGES[outcome], outcome, ...toTiming(failed) }, 200);
  });
