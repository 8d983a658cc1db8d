import { progressReply } from "../shared/contract/agent.ts";
import { Refusal } from "./api-client.ts";
import type { LogTail } from "./log-tail.ts";
import { Nudge } from "./nudge.ts";
import type { Session } from "./session.ts";
import type { Task } from "./task.ts";

const INTERVAL_MS = 3000;
const MESSAGE_CHARACTERS = 1000;

export interface ProgressOptions {
  session: Session;
  task: Task;
  tail: LogTail;
  /** The task is no longer ours. */
  onStop: () => void;
}

/** Sends the end of a script's log every few seconds, when there is more of it; resolves to a way to end that. */
export function reportProgress(options: ProgressOptions): () => Promise<void> {
  const stopped = new AbortController();
  const loop = report(options, stopped.signal);
  return async () => {
    stopped.abort();
    await loop;
  };
}

async function report({ session, task, tail, onStop }: ProgressOptions, signal: AbortSignal): Promise<void> {
  const timer = new Nudge();
  let sent = 0;
  for (;;) {
    await timer.wait(INTERVAL_MS, signal);
    if (signal.aborted) return;
    if (tail.changes === sent) continue;
    sent = tail.changes;
    const body = (id: string) => ({
      agent_id: id,
      task_id: task.id,
      attempt: task.attempt,
      progress: tail.progress,
      message: tail.read(MESSAGE_CHARACTERS),
    });
    try {
      const call = { path: "/agent/progress", body, reply: progressReply };
      const { outcome } = await session.tryOnce(call, signal, INTERVAL_MS);
      if (outcome === "stop") onStop();
    } catch (error) {
      // A lost line is no loss: the next one says more. Whether the task is still ours, heartbeats tell.
      if (error instanceof Refusal && error.code === "task_not_found") onStop();
    }
  }
}
