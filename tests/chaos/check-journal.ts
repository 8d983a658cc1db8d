import type { Entry } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import { HEARTBEAT_SECONDS } from "./machine.ts";

/** What may become of what. A failed task is pending again when its owner wants so; what is completed stays so. */
const LEGAL = new Set([
  "PENDING RUNNING",
  "RUNNING COMPLETED",
  "RUNNING FAILED",
  "RUNNING PENDING",
  "FAILED PENDING",
  "PENDING CANCELLED",
  "RUNNING CANCELLED",
]);
const EXPIRED = "The agent did not finish in time.";
/** A beat that follows another within a third of the interval is not written. */
const LEASE_MS = (3 - 1 / 3) * HEARTBEAT_SECONDS * 1000;

/** What a journal has that it must not have: each line names the task. */
export function checkJournal(journal: Entry[], ledger: Ledger, { timeoutMs }: { timeoutMs: number }): string[] {
  const faults: string[] = [];
  const byTask = new Map<number, Entry[]>();
  for (const entry of journal) byTask.set(entry.task, [...(byTask.get(entry.task) ?? []), entry]);
  for (const [task, entries] of byTask) {
    let attempt = 0;
    let holder: string | null = null;
    for (const entry of entries) {
      const change = `${entry.from} ${entry.to}`;
      if (!LEGAL.has(change)) faults.push(`task ${task} went from ${entry.from} to ${entry.to}`);
      if (entry.to === "RUNNING") {
        if (entry.attempt !== attempt + 1) faults.push(`attempt ${entry.attempt} of task ${task} follows ${attempt}`);
        holder = entry.agent;
      } else if (entry.attempt !== attempt) {
        faults.push(`attempt ${entry.attempt} of task ${task} was never claimed`);
      }
      attempt = entry.attempt;
      if (entry.to === "COMPLETED" && (entry.agent !== holder || entry.holder !== holder)) {
        faults.push(`task ${task} was held by ${holder} and completed by ${entry.agent}`);
      }
      if (entry.reason === EXPIRED) faults.push(...checkExpiry(entry, ledger, timeoutMs));
    }
    const completions = entries.filter(({ to }) => to === "COMPLETED").length;
    if (completions > 1) faults.push(`task ${task} was completed ${completions} times`);
  }
  return faults;
}

/** A lease ends when the task's time is up, or when its agent was silent for three intervals, and not before. */
function checkExpiry({ task, holder, at, heldMs }: Entry, { heard }: Ledger, timeoutMs: number): string[] {
  if (heldMs >= timeoutMs) return [];
  const lastHeard = Math.max(at - heldMs, ...(heard.get(holder ?? "") ?? []).filter((time) => time < at));
  if (at - lastHeard >= LEASE_MS) return [];
  return [`task ${task} was taken from ${holder}, which was heard of ${at - lastHeard} ms before`];
}

/** What the server said to completions, against what it did. */
export function checkCompletions(journal: Entry[], ledger: Ledger): string[] {
  const faults: string[] = [];
  const ended = new Map(journal.filter(({ to }) => to === "COMPLETED").map((entry) => [entry.task, entry]));
  const urls = new Map<string, Set<string>>();
  for (const { agent, task, resultUrl } of ledger.completions) {
    const key = `${agent} ${task}`;
    urls.set(key, (urls.get(key) ?? new Set()).add(resultUrl));
  }
  // Who does not say which attempt he means may mean one that he was given and never heard of.
  const given = new Set(
    ledger.given.flatMap(({ agent, task, attempt }) => [`${agent} ${task} ${attempt}`, `${agent} ${task}`]),
  );
  const vague = new Set(
    ledger.completions.filter(({ attempt }) => attempt === undefined).map(({ agent, task }) => `${agent} ${task}`),
  );
  for (const { agent, task, attempt, resultUrl, status, code, sentAt } of ledger.completions) {
    const end = ended.get(task);
    const isTheirs = end?.agent === agent && (attempt === undefined || attempt === end.attempt);
    const kept = end?.resultUrl ?? "";
    const isKept = attempt === undefined ? urls.get(`${agent} ${task}`)?.has(kept) === true : resultUrl === kept;
    const named = `${agent}'s completion of attempt ${attempt ?? "?"} of task ${task}`;
    if (status === 200) {
      if (!isTheirs) faults.push(`${named} was acknowledged and is not there`);
      else if (!isKept) faults.push(`${named} was acknowledged with ${resultUrl} and is there with ${kept}`);
    } else if (status !== undefined && status < 500 && isTheirs && isKept && end.at < sentAt) {
      faults.push(`${named} had been done and was refused: ${status} ${code}`);
    }
  }
  for (const { agent, task, attempt } of ended.values()) {
    const key = `${agent} ${task}`;
    if (!given.has(vague.has(key) ? key : `${key} ${attempt}`))
      faults.push(`task ${task} was completed by ${agent}, which was never given attempt ${attempt}`);
  }
  return faults;
}
