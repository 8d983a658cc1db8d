import type { Given } from "./ledger.ts";
import type { Random } from "./random.ts";
import { complete, isJoined, type World } from "./work.ts";

type Trick = (world: World, given: Given, random: Random) => Promise<unknown>;

const call = (world: World, path: string, given: Given, body: Record<string, unknown>) =>
  world.client.call({
    path: `/agent/${path}`,
    token: given.token,
    body: { agent_id: given.agent, ...body },
    witness: (reply) => world.ledger.judge(`/agent/${path}`, reply),
  });

/** A result that the job of the task would take; undefined where there is none. */
const resultUrlOf = (given: Given) =>
  given.resultUrl ??
  (isJoined(given) ? undefined : `https://results.example.org/${given.task}/${given.attempt}/${given.agent}`);

const TRICKS: Record<string, Trick> = {
  "completes an old attempt": async (world, given) => {
    const resultUrl = resultUrlOf(given);
    if (resultUrl !== undefined) await complete(world, given, resultUrl, { attempt: given.attempt });
  },
  "completes without saying which attempt": async (world, given) => {
    const resultUrl = resultUrlOf(given);
    if (resultUrl !== undefined) await complete(world, given, resultUrl, { attempt: undefined });
  },
  "completes an attempt that never was": async (world, given) => {
    const resultUrl = resultUrlOf(given);
    if (resultUrl !== undefined) await complete(world, given, resultUrl, { attempt: given.attempt + 1000 });
  },
  "completes what another was given": async (world, given, random) => {
    const other = random.pick(world.ledger.given);
    if (other === undefined || other.agent === given.agent || isJoined(given)) return;
    const imposter = { ...given, agent: other.agent, token: other.token };
    await complete(world, imposter, `https://results.example.org/forged/${given.task}`, { attempt: given.attempt });
  },
  "fails an old attempt": (world, { attempt, task, ...given }, random) =>
    call(
      world,
      "fail_task",
      { attempt, task, ...given },
      { task_id: task, attempt, reason: "late", retryable: random.chance(0.8) },
    ),
  "reports progress of an old attempt": (world, given) =>
    call(world, "progress", given, { task_id: given.task, attempt: given.attempt, progress: 0.1 }),
  "asks to upload for an old attempt": (world, given) =>
    call(world, "upload_url", given, { task_id: given.task, attempt: given.attempt, filename: "late.csv" }),
  "asks again with an old request id": (world, given) =>
    world.client.call({
      path: "/agent/request_task",
      token: given.token,
      body: { agent_id: given.agent, ...(given.requestId === undefined ? {} : { request_id: given.requestId }) },
      witness: (reply) => {
        world.ledger.judge("/agent/request_task", reply);
        world.ledger.hear(given.agent, reply);
        world.ledger.give(reply, { id: given.agent, token: given.token }, given.requestId);
      },
    }),
};

/** Tasks that were handed out longer ago are hardly under way any more. */
const RECENT = 60;

/** Has agents of the past do again what they did, or never did, all at once. */
export async function wakeZombies(world: World, random: Random, count: number): Promise<void> {
  const names = Object.keys(TRICKS);
  await Promise.all(
    Array.from({ length: count }, async () => {
      const { given: all } = world.ledger;
      // Half of them come while somebody is at the task.
      const underWay = all.slice(-RECENT).filter(({ resultUrl }) => resultUrl === undefined);
      const given = random.pick(random.chance(0.5) ? underWay : all);
      const name = random.pick(names);
      const trick = name === undefined ? undefined : TRICKS[name];
      if (given === undefined || trick === undefined) return;
      world.ledger.count(`zombie ${name}`);
      await trick(world, given, random);
    }),
  );
}
