import type { TestCloud } from "../journeys/start-test-cloud.ts";
import type { Fate } from "./client.ts";
import type { Machine } from "./machine.ts";
import type { FaultKind } from "./plan-faults.ts";
import type { Random } from "./random.ts";
import { pause, type World } from "./work.ts";
import { wakeZombies } from "./zombies.ts";

const ZOMBIES = 60;
const DROPPING_MS = 1500;

/** Lets replies through, until it is told to drop some for a while. */
export class Weather {
  readonly #random: Random;
  #until = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  storm(milliseconds: number): void {
    this.#until = Date.now() + milliseconds;
  }

  fate = (): Fate => {
    if (Date.now() > this.#until) return "seen";
    const roll = this.#random.next();
    return roll < 0.25 ? "dropped" : roll < 0.5 ? "cut" : "seen";
  };
}

export interface Stage {
  cloud: TestCloud;
  machines: Machine[];
  weather: Weather;
  world: World;
  random: Random;
}

/** Makes one thing go wrong; resolves once what was killed is being started again. */
export async function strike({ cloud, machines, weather, world, random }: Stage, kind: FaultKind): Promise<void> {
  const { ledger } = world;
  switch (kind) {
    case "kill agents":
      for (const machine of machines) if (random.chance(0.2)) machine.die();
      break;
    case "kill a function":
      if (kill(random.pick(cloud.functionPids()))) ledger.count("functions killed");
      break;
    case "kill a job container":
      // Containers live for moments: one is waited for, not too long.
      for (let looks = 0; looks < 50 && cloud.containerPids().length === 0; looks++) await pause(20);
      await pause(random.between(0, 300));
      if (kill(random.pick(cloud.containerPids()))) ledger.count("job containers killed");
      break;
    case "restart the gateway":
      await cloud.restartGateway();
      ledger.count("gateway restarts");
      break;
    case "crash Postgres":
      await cloud.crashPostgres?.();
      ledger.count("Postgres crashes");
      break;
    case "drop replies":
      weather.storm(DROPPING_MS);
      ledger.count("storms that drop replies");
      break;
    case "wake zombies":
      await wakeZombies(world, random, ZOMBIES);
      break;
  }
}

function kill(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    // It ended by itself in the meantime.
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}
