import { ApiError } from "./api-error.ts";
import type { Container, ExecutionTemplate, RunRequest } from "./wire.ts";

/** The template of one execution: arguments replace, environment merges, task count and timeout replace. */
export function applyOverrides(template: ExecutionTemplate, { overrides }: RunRequest): ExecutionTemplate {
  const containers = template.template.containers.map((container) => ({ ...container }));
  for (const override of overrides.containerOverrides) {
    const target =
      override.name === "" && containers.length === 1
        ? containers[0]
        : containers.find((container) => container.name === override.name);
    if (target === undefined) {
      throw new ApiError("INVALID_ARGUMENT", `Override names the container "${override.name}", which the job lacks.`);
    }
    if (override.clearArgs) target.args = [];
    else if (override.args.length > 0) target.args = override.args;
    target.env = mergeEnv(target.env, override.env);
  }
  return {
    ...template,
    taskCount: overrides.taskCount || template.taskCount,
    template: { ...template.template, containers, timeout: overrides.timeout ?? template.template.timeout },
  };
}

function mergeEnv(base: Container["env"], overrides: Container["env"]): Container["env"] {
  return [...new Map([...base, ...overrides].map((variable) => [variable.name, variable])).values()];
}
