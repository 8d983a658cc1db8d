import { completeTaskRequest, messageReply } from "../../../shared/contract/agent.ts";
import { CorralError } from "../../../shared/errors.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { toNamedTask } from "../to-named-tasks.ts";
import { toTiming } from "../to-timing.ts";

const route = createRoute({
  method: "post",
  path: "/complete_task",
  request: { body: jsonBody(completeTaskRequest) },
  responses: { 200: jsonReply(messageReply, "Completed, now or by the same call before"), ...refusals },
});

export const COMPLETED = "Task marked as completed. Good job!";

/** Ends a task with its result; the job's end is seen to after the reply. */
export const completeTaskRoute = ({ hot, files, settleLater }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { agent_id, result_url, rows = null, ...named } = c.req.valid("json");
    const { outcome, jobId, settle, ...timing } = await hot.completeTask({
      agent: agent_id,
      token: c.var.tokenHash,
      ...toNamedTask(named),
      ...files.toResult(named.task_id, result_url),
      rows,
    });
    if (outcome !== "completed") throw new CorralError(outcome);
    if (settle && jobId !== null) settleLater(jobId);
    return c.json({ message: COMPLETED, ...toTiming(timing) }, 200);
  });
