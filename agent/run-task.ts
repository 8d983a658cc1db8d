import { uploadUrlReply } from "../shared/contract/agent.ts";
import type { CallLimits } from "./api-client.ts";
import { findPython, nodeCommand } from "./interpreters.ts";
import { describeError } from "./log.ts";
import { cutText, LogTail } from "./log-tail.ts";
import { reportProgress } from "./progress-report.ts";
import { runScript, type ScriptEnd } from "./run-script.ts";
import { scriptEnv } from "./script-env.ts";
import type { Session } from "./session.ts";
import type { Task } from "./task.ts";
import { TaskFailure } from "./task-failure.ts";
import { fetchTaskFiles, findResult, readRows, type TaskFiles } from "./task-files.ts";
import { uploadFile } from "./transfer.ts";
import { asksForPackages, type VenvCache } from "./venv-cache.ts";
import { TimedOut, withTimeout } from "./with-timeout.ts";

/** What the server keeps of a reason; what comes last in a log tells most. */
const REASON_CHARACTERS = 1900;

export type TaskEnd =
  | { kind: "completed"; resultUrl: string; rows: number | null }
  | { kind: "failed"; reason: string; retryable: boolean }
  | { kind: "stopped" };

export interface TaskDeps {
  session: Session;
  limits: CallLimits;
  /** The task's own folder, emptied first. */
  folder: string;
  memoryMb: number;
  /** Null: scripts run with what the machine has. */
  venvs: VenvCache | null;
  /** Aborted when the task is no longer to be done here. */
  stop: AbortController;
}

/** Does a task up to its uploaded result. Whatever goes wrong with the task is an outcome. */
export async function runTask(task: Task, deps: TaskDeps): Promise<TaskEnd> {
  const { stop, folder } = deps;
  const tail = new LogTail();
  try {
    await withTimeout(stop.signal, task.timeoutSeconds * 1000, async (signal) => {
      const files = await fetchTaskFiles(task, folder, signal);
      await runCode(task, files, tail, signal, deps);
    });
    const resultUrl = await uploadResult(task, deps);
    return { kind: "completed", resultUrl, rows: await readRows(folder) };
  } catch (error) {
    if (stop.signal.aborted) return { kind: "stopped" };
    const summary = error instanceof TimedOut ? `Timed out after ${task.timeoutSeconds} s.` : describeError(error);
    const retryable = !(error instanceof TaskFailure) || error.retryable;
    return { kind: "failed", reason: joinReason(summary, tail), retryable };
  }
}

async function runCode(task: Task, files: TaskFiles, tail: LogTail, signal: AbortSignal, deps: TaskDeps) {
  const { folder, memoryMb, session, stop } = deps;
  const env = scriptEnv(task, folder, files.chunk);
  const run = async (argv: string[], what: string) => {
    const end = await runScript({ argv, cwd: folder, env, memoryMb, signal, createSink: () => tail.createSink() });
    // What was done in time is done, however long its end was waited for.
    if (end.kind === "exited" && end.code === 0) return;
    signal.throwIfAborted();
    throw new TaskFailure(`${what} ${describeEnd(end)}.`, true);
  };
  const endProgress = reportProgress({ session, task, tail, onStop: () => stop.abort() });
  try {
    if (!files.code.endsWith(".py")) return await run(nodeCommand(files.code, memoryMb), "The script");
    const python = await findPython();
    const { requirements } = files;
    if (deps.venvs === null || requirements === null || !(await asksForPackages(requirements)))
      return await run([python, files.code], "The script");
    const install = (argv: string[]) => run(argv, "Installing the requirements");
    const venv = await deps.venvs.lend(python, task.job, requirements, install);
    try {
      await run([venv.python, files.code], "The script");
    } finally {
      venv.release();
    }
  } finally {
    await endProgress();
  }
}

/** The URL that the task is completed with; empty when there is no result. */
async function uploadResult(task: Task, { session, limits, folder, stop }: TaskDeps): Promise<string> {
  const result = await findResult(folder);
  if (result === null) return "";
  const body = (id: string) => ({ agent_id: id, task_id: task.id, attempt: task.attempt, filename: result.name });
  const authorize = () => session.call({ path: "/agent/upload_url", body, reply: uploadUrlReply }, limits);
  const { result_url } = await uploadFile(result.path, authorize, stop.signal);
  return result_url;
}

function describeEnd(end: ScriptEnd): string {
  if (end.kind === "exited") return `exited with ${end.code}`;
  if (end.kind === "killed") return `was killed by ${end.signal}`;
  return `did not start: ${end.message}`;
}

function joinReason(summary: string, tail: LogTail): string {
  const head = cutText(summary, REASON_CHARACTERS / 2);
  const end = tail.read(REASON_CHARACTERS - head.length - 1);
  return end === "" ? head : `${head}\n${end}`;
}
