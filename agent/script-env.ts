import type { Task } from "./task.ts";

const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/** All that a script's environment holds: nothing of the agent's own but where programs are and which GPUs to use. */
export function scriptEnv(task: Task, folder: string, chunk: string | null): Record<string, string> {
  const { PATH = DEFAULT_PATH, CUDA_VISIBLE_DEVICES } = process.env;
  return {
    PATH,
    HOME: folder,
    TMPDIR: folder,
    LANG: "C.UTF-8",
    PYTHONUNBUFFERED: "1",
    ...(CUDA_VISIBLE_DEVICES === undefined ? {} : { CUDA_VISIBLE_DEVICES }),
    ...(chunk === null ? {} : { CORRAL_DATA: chunk }),
    CORRAL_TASK_ID: String(task.id),
    CORRAL_JOB_ID: String(task.job),
    CORRAL_ATTEMPT: String(task.attempt),
  };
}
