import { z } from "zod";
import { liveBarely } from "./bare-agent.ts";
import { liveCarefully } from "./careful-agent.ts";
import type { Given } from "./ledger.ts";
import type { Random } from "./random.ts";
import { complete, isJoined, pause, type World } from "./work.ts";

export const HEARTBEAT_SECONDS = 2;
/** Clocks are off by up to so much, either way. */
const MAX_SKEW_MS = 15 * 60_000;

/** How long after its death an agent may still complete its task. */
const GHOST_MS = 8000;

export interface MachineSpec {
  id: string;
  email: string;
  isBare: boolean;
  /** With it the machine enrols in a swarm; without, in the open one. */
  swarmToken?: string | undefined;
}

const registered = z.object({ agent_token: z.string().optional() });

/** A computer that runs an agent, which dies and comes back with what the computer's disk remembers: id and token. */
export class Machine {
  readonly #spec: MachineSpec;
  readonly #world: World;
  readonly random: Random;
  readonly clockSkewMs: number;
  #life: AbortController | undefined;
  #held: Given | undefined;
  #reborn = 0;
  readonly #ghosts: Promise<unknown>[] = [];
  id: string;
  token: string | undefined;

  constructor(spec: MachineSpec, world: World, random: Random) {
    this.#spec = spec;
    this.#world = world;
    this.random = random;
    this.id = spec.id;
    this.clockSkewMs = random.between(-MAX_SKEW_MS, MAX_SKEW_MS);
  }

  /** Runs an agent, and another one after each that died, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const life = new AbortController();
      this.#life = life;
      const both = AbortSignal.any([signal, life.signal]);
      if (await this.#register(both)) {
        await (this.#spec.isBare ? liveBarely : liveCarefully)(this, this.#world, both);
      }
      this.#held = undefined;
      await pause(this.random.between(50, 1500), signal);
    }
  }

  /** Ends the agent in the middle of whatever it does; one that only seemed dead still completes its task, later. */
  die(): void {
    const { ledger } = this.#world;
    const given = this.#held;
    this.#life?.abort();
    ledger.count("agents killed");
    if (given === undefined) return;
    ledger.count("agents killed while holding a task");
    if (isJoined(given) || !this.random.chance(0.5)) return;
    const resultUrl = `https://results.example.org/${given.task}/${given.attempt}/${given.agent}`;
    const attempt = this.#spec.isBare ? undefined : given.attempt;
    this.#ghosts.push(
      pause(this.random.between(200, GHOST_MS)).then(() => complete(this.#world, given, resultUrl, { attempt })),
    );
  }

  /** Resolves once the agents that only seemed dead are quiet. */
  async laidToRest(): Promise<void> {
    await Promise.all(this.#ghosts);
  }

  holds(given: Given | undefined): void {
    this.#held = given;
  }

  workMs(): number {
    return this.random.between(50, 800);
  }

  async #register(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const reply = await this.#world.client.call({
        path: "/agent/register",
        token: this.token ?? this.#spec.swarmToken,
        clockSkewMs: this.clockSkewMs,
        signal,
        body: {
          id: this.id,
          email: this.#spec.email,
          gpu_model: "none",
          ram_total: "4GB",
          ...(this.#spec.isBare ? {} : { heartbeat_interval_seconds: HEARTBEAT_SECONDS }),
        },
        witness: (seen) => this.#world.ledger.judge("/agent/register", seen),
      });
      if (reply?.status === 200) {
        if (!this.#spec.isBare) this.token ??= registered.parse(reply.body).agent_token;
        return true;
      }
      if (reply?.status === 409) {
        // The reply that carried its token was lost: to the server it is somebody else now.
        this.id = `${this.#spec.id}-${++this.#reborn}`;
        this.token = undefined;
      }
      await pause(this.random.between(100, 500), signal);
    }
    return false;
  }
}
