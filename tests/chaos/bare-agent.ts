import type { Given } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { complete, pause, storeResult, type World } from "./work.ts";

/** The loop of the seed's client: it knows no attempts, no request ids and no tokens, and asks again when it hears nothing. */
export async function liveBarely(machine: Machine, world: World, signal: AbortSignal): Promise<void> {
  const { random, clockSkewMs } = machine;
  const common = { signal, clockSkewMs };
  while (!signal.aborted) {
    await world.client.call({
      ...common,
      path: "/agent/heartbeat",
      body: { id: machine.id, status: "IDLE" },
      witness: (reply) => {
        world.ledger.judge("/agent/heartbeat", reply);
        world.ledger.hear(machine.id, reply);
      },
    });
    const given = await ask(machine, world, signal);
    if (given === undefined) {
      await pause(random.between(100, 500), signal);
      continue;
    }
    machine.holds(given);
    if (!(await pause(machine.workMs(), signal))) return;
    const resultUrl = await storeResult(world, given, { ...common, plainly: true });
    if (resultUrl === undefined) continue;
    // Half of them try again what they heard nothing of; the others go on, and are given the task again if it is not done.
    for (let attempts = random.chance(0.5) ? 4 : 1; attempts > 0 && !signal.aborted; attempts--) {
      const reply = await complete(world, given, resultUrl, { ...common, attempt: undefined });
      if (reply !== undefined && reply.status < 500) break;
      await pause(random.between(100, 400), signal);
    }
    machine.holds(undefined);
  }
}

async function ask(machine: Machine, world: World, signal: AbortSignal): Promise<Given | undefined> {
  let given: Given | undefined;
  const reply = await world.client.call({
    path: "/agent/request_task",
    signal,
    clockSkewMs: machine.clockSkewMs,
    body: { agent_id: machine.id },
    witness: (seen) => {
      world.ledger.judge("/agent/request_task", seen);
      world.ledger.hear(machine.id, seen);
      given = world.ledger.give(seen, machine, undefined);
    },
  });
  return reply === undefined ? undefined : given;
}
