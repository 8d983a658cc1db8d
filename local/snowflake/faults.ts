import { z } from "zod";

const fault = z.discriminatedUnion("kind", [
  /** Refuses with an HTTP status; drivers try again after 5xx, 408 and 429. */
  z.object({ kind: z.literal("status"), status: z.number().int().min(400).max(599).default(503) }),
  /** Cuts the connection without an answer. */
  z.object({ kind: z.literal("reset") }),
  /** Does what was asked for, and then cuts the connection. */
  z.object({ kind: z.literal("lost_reply") }),
  /** The session's token has had its time (390112). */
  z.object({ kind: z.literal("expired_session") }),
  /** The master token has had its time, too (390114). */
  z.object({ kind: z.literal("expired_master") }),
  /** A statement fails with this code. */
  z.object({
    kind: z.literal("refusal"),
    code: z.string(),
    sqlState: z.string().default("XX000"),
    message: z.string(),
  }),
  /** The body of a chunk breaks off after so many bytes. */
  z.object({ kind: z.literal("cut"), afterBytes: z.number().int().nonnegative().default(0) }),
]);
export type Fault = z.infer<typeof fault>;

export const faultRule = z.object({
  on: z.enum(["login", "query", "result", "chunk", "renew", "abort", "monitoring"]),
  /** Only for statements that begin with this text. */
  sql: z.string().optional(),
  skip: z.number().int().nonnegative().default(0),
  /** How many requests are hit; null for all from then on. */
  times: z.number().int().positive().nullable().default(1),
  fault,
});
export type FaultRule = z.input<typeof faultRule>;

export interface ArmedFault extends z.infer<typeof faultRule> {
  hits: number;
}

/** Faults that tests ask for; a request is hit by the first rule that it matches. */
export class Faults {
  readonly #armed = new Set<ArmedFault>();

  /** Arms a fault; the returned object counts its hits. */
  add(rule: FaultRule): ArmedFault {
    const armed = { ...faultRule.parse(rule), hits: 0 };
    this.#armed.add(armed);
    return armed;
  }

  clear(): void {
    this.#armed.clear();
  }

  /** The fault of one request, spent by it. */
  take(on: FaultRule["on"], sql = ""): Fault | undefined {
    for (const armed of this.#armed) {
      if (
        armed.on !== on ||
        !sql
          .trimStart()
          .toLowerCase()
          .startsWith((armed.sql ?? "").toLowerCase())
      )
        continue;
      if (armed.skip > 0) {
        armed.skip -= 1;
        continue;
      }
      armed.hits += 1;
      if (armed.hits === armed.times) this.#armed.delete(armed);
      return armed.fault;
    }
    return undefined;
  }
}
