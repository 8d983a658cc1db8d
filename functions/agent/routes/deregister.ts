import { deregisterReply, deregisterRequest } from "../../../shared/contract/agent.ts";
import { deregisterAgent } from "../../../shared/db/agents.ts";
import { CorralError } from "../../../shared/errors.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { timingNow } from "../to-timing.ts";

const route = createRoute({
  method: "post",
  path: "/deregister",
  request: { body: jsonBody(deregisterRequest) },
  responses: { 200: jsonReply(deregisterReply, "Gone, and its tasks handed to others"), ...refusals },
});

/** Removes an agent that will not come back. */
export const deregisterRoute = ({ db }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { agent_id } = c.req.valid("json");
    const { outcome, tasksReturned } = await deregisterAgent(db, { agent: agent_id, token: c.var.tokenHash });
    if (outcome !== "deregistered") throw new CorralError(outcome);
    return c.json({ message: `Agent ${agent_id} deregistered`, tasks_returned: tasksReturned, ...timingNow() }, 200);
  });
