import type { z } from "zod";
import { cycleReply, cycleRequest } from "../../../shared/contract/agent.ts";
import type { Cycle } from "../../../shared/db/tasks.ts";
import { CorralError } from "../../../shared/errors.ts";
import type { AgentEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { throwRefusal } from "../throw-refusal.ts";
import { toNamedTask, toNamedTasks } from "../to-named-tasks.ts";
import { toTiming } from "../to-timing.ts";
import { COMPLETED } from "./complete-task.ts";

const route = createRoute({
  method: "post",
  path: "/cycle",
  request: { body: jsonBody(cycleRequest) },
  responses: {
    200: jsonReply(cycleReply, "What came of the completion, and the next task if there is one"),
    ...refusals,
  },
});

/** Completes a task, beats and asks for the next one, all at once; a completion that is refused ends nothing else. */
export const cycleRoute = ({ hot, files, settleLater }: Deps) =>
  createRouter<AgentEnv>().openapi(route, async (c) => {
    const { agent_id, status, tasks, complete, claim, request_id = null } = c.req.valid("json");
    const { outcome, task, stop, completion, ...timing } = await hot.cycle({
      agent: agent_id,
      token: c.var.tokenHash,
      status,
      tasks: toNamedTasks(tasks),
      complete: complete
        ? {
            ...toNamedTask(complete),
            ...files.toResult(complete.task_id, complete.result_url),
            rows: complete.rows ?? null,
          }
        : null,
      claim,
      request_id,
    });
    throwRefusal(outcome);
    if (completion?.settle && completion.jobId !== null) settleLater(completion.jobId);
    return c.json(
      {
        message: "Heartbeat received",
        stop,
        completion: complete && completion ? { task_id: complete.task_id, ...toVerdict(completion.outcome) } : null,
        ...(await files.toAssignment(task)),
        ...toTiming(timing),
      },
      200,
    );
  });

type Outcome = NonNullable<Cycle["completion"]>["outcome"];
type Verdict = Omit<NonNullable<z.infer<typeof cycleReply>["completion"]>, "task_id">;

function toVerdict(outcome: Outcome): Verdict {
  if (outcome === "completed") return { code: outcome, message: COMPLETED };
  const { code, detail } = new CorralError(outcome);
  return { code, message: detail };
}
