import { heartbeatReply, heartbeatRequest } from "../../../shared/contract/agent.ts";
import { CorralError } from "../../../shared/errors.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toNamedTasks } from "../to-named-tasks.ts";
import { toTiming } from "../to-timing.ts";

const route = createRoute({
  method: "post",
  path: "/heartbeat",
  request: { body: jsonBody(heartbeatRequest) },
  responses: { 200: jsonReply(heartbeatReply, "The agent is alive"), ...refusals },
});

/** Notes that an agent is alive, and tells it which of its tasks it may stop. */
export const heartbeatRoute = ({ hot }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { id, status, tasks } = c.req.valid("json");
    const beat = { agent: id, token: c.var.tokenHash, status, tasks: toNamedTasks(tasks) };
    const { outcome, stop, ...timing } = await hot.recordHeartbeat(beat);
    if (outcome !== "seen") throw new CorralError(outcome);
    return c.json({ message: "Heartbeat received", stop, ...toTiming(timing) }, 200);
  });
