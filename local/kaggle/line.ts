import { setTimeout as sleep } from "node:timers/promises";
import { TokenBucket } from "../token-bucket.ts";
import { type Fault, findFault } from "./faults.ts";

/** How far away Kaggle is; none of it when left out. */
export interface Shape {
  /** Before the first byte of every reply. */
  latencyMs?: number;
  bytesPerSecondPerConnection?: number;
}

/** The way between client and server: a delay per reply, a rate per connection. */
export class Line {
  readonly #shape: Shape;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  async delay(faults: Fault[]): Promise<void> {
    const latencyMs = findFault(faults, "slow")?.latencyMs ?? this.#shape.latencyMs ?? 0;
    if (latencyMs > 0) await sleep(latencyMs);
  }

  /** The bucket of one reply, undefined when unshaped; a connection carries one reply at a time, so that is its rate. */
  newBucket(faults: Fault[]): TokenBucket | undefined {
    const rate = findFault(faults, "slow")?.bytesPerSecond ?? this.#shape.bytesPerSecondPerConnection;
    return rate === undefined ? undefined : new TokenBucket(rate);
  }
}
