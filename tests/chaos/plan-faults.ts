import type { Random } from "./random.ts";

/** What can go wrong, how often against the rest, and how long at least until the same again, in seconds. */
const KINDS = {
  "kill agents": { weight: 6, pause: 0 },
  "kill a function": { weight: 4, pause: 2 },
  "kill a job container": { weight: 5, pause: 0.5 },
  "restart the gateway": { weight: 2, pause: 8 },
  "crash Postgres": { weight: 2, pause: 12 },
  "drop replies": { weight: 4, pause: 2 },
  "wake zombies": { weight: 6, pause: 0 },
} as const;

export type FaultKind = keyof typeof KINDS;
export const FAULT_KINDS: FaultKind[] = [
  "kill agents",
  "kill a function",
  "kill a job container",
  "restart the gateway",
  "crash Postgres",
  "drop replies",
  "wake zombies",
];

export interface Fault {
  /** Milliseconds after the start. */
  at: number;
  kind: FaultKind;
}

/** Draws which fault strikes when; every kind strikes at least once if there is time for it. */
export function planFaults(random: Random, seconds: number, { meanPauseMs }: { meanPauseMs: number }): Fault[] {
  const plan: Fault[] = [];
  const last = new Map<FaultKind, number>();
  const missing = new Set(FAULT_KINDS);
  for (let at = meanPauseMs; at < seconds * 1000; at += meanPauseMs * (0.4 + 1.2 * random.next())) {
    const free = FAULT_KINDS.filter((kind) => at - (last.get(kind) ?? -Infinity) >= KINDS[kind].pause * 1000);
    const first = free.filter((kind) => missing.has(kind));
    const kind = drawKind(random, first.length > 0 && random.chance(0.6) ? first : free);
    if (kind === undefined) continue;
    plan.push({ at: Math.round(at), kind });
    last.set(kind, at);
    missing.delete(kind);
  }
  return plan;
}

function drawKind(random: Random, kinds: FaultKind[]): FaultKind | undefined {
  let rest = random.next() * kinds.reduce((sum, kind) => sum + KINDS[kind].weight, 0);
  return kinds.find((kind) => {
    rest -= KINDS[kind].weight;
    return rest < 0;
  });
}

/** The plan for people: seconds and kinds, in order. */
export function describePlan(plan: Fault[]): string {
  return plan.map(({ at, kind }) => `${(at / 1000).toFixed(1)} s ${kind}`).join(" · ");
}
