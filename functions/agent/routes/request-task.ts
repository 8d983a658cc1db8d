import { requestTaskReply, requestTaskRequest } from "../../../shared/contract/agent.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { throwRefusal } from "../throw-refusal.ts";
import { toTiming } from "../to-timing.ts";

const route = createRoute({
  method: "post",
  path: "/request_task",
  request: { body: jsonBody(requestTaskRequest) },
  responses: { 200: jsonReply(requestTaskReply, "A task, or only nulls when there is no work"), ...refusals },
});

/** Hands an agent its next task, or the one that it holds and was not told of. */
export const requestTaskRoute = ({ hot, files }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { agent_id, request_id = null } = c.req.valid("json");
    const { outcome, task, ...timing } = await hot.requestTask({ agent: agent_id, token: c.var.tokenHash, request_id });
    throwRefusal(outcome);
    return c.json({ ...(await files.toAssignment(task)), ...toTiming(timing) }, 200);
  });
