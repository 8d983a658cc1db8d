import { z } from "zod";

export const operation = z.enum([
  "list",
  "view",
  "files",
  "tree",
  "metadata",
  "status",
  "download",
  "introspect",
  "blob",
]);
export type Operation = z.infer<typeof operation>;

const retryAfter = z.union([z.number().nonnegative(), z.string()]).optional();
const bytes = z.number().int().nonnegative();

const fault = z.discriminatedUnion("kind", [
  /** 401. */
  z.object({ kind: z.literal("unauthorized") }),
  /** 403: the dataset's terms were not accepted. */
  z.object({ kind: z.literal("consent_required") }),
  /** 404. */
  z.object({ kind: z.literal("not_found") }),
  /** 429 in the body of www.kaggle.com or of api.kaggle.com; by default that of the path called. */
  z.object({ kind: z.literal("rate_limited"), body: z.enum(["www", "api"]).optional(), retryAfter }),
  z.object({ kind: z.literal("server_error"), status: z.number().int().min(500).max(599).default(503), retryAfter }),
  /** TCP reset once that many bytes of the body were handed over; fewer may arrive. */
  z.object({ kind: z.literal("reset"), afterBytes: bytes.default(0) }),
  /** Nothing more comes after that many bytes, and the connection stays open. */
  z.object({ kind: z.literal("stall"), afterBytes: bytes.default(0) }),
  /** `x-goog-hash` names checksums of something else. */
  z.object({ kind: z.literal("wrong_hash") }),
  /** `x-goog-hash` leaves out one checksum or both. */
  z.object({ kind: z.literal("no_hash"), omit: z.enum(["md5", "crc32c", "both"]).default("both") }),
  /** The byte at that position of the object is another. */
  z.object({ kind: z.literal("corrupt"), at: bytes.default(0) }),
  /** The URL that is answered with works for so many seconds only. */
  z.object({ kind: z.literal("expiring_url"), seconds: z.number().int().nonnegative() }),
  /** The signed URL has had its time, whatever it says. */
  z.object({ kind: z.literal("expired_url") }),
  /** Range is ignored and not offered. */
  z.object({ kind: z.literal("no_range") }),
  /** The object is a newer generation than before. */
  z.object({ kind: z.literal("new_generation") }),
  /** This reply is slower than the server's own shape. */
  z.object({
    kind: z.literal("slow"),
    latencyMs: z.number().nonnegative().optional(),
    bytesPerSecond: z.number().positive().optional(),
  }),
]);
export type Fault = z.infer<typeof fault>;

export const faultRule = z.object({
  on: operation,
  /** Only for this dataset; any when left out. */
  ref: z.string().optional(),
  /** Only for requests whose Range begins at this byte. */
  rangeStart: bytes.optional(),
  /** How many requests pass unharmed before the first is hit. */
  skip: z.number().int().nonnegative().default(0),
  /** How many requests are hit; null for all from then on. */
  times: z.number().int().positive().nullable().default(1),
  fault,
});
/** What goes wrong, on which calls, how often. */
export type FaultRule = z.input<typeof faultRule>;

export interface ArmedFault extends z.infer<typeof faultRule> {
  id: number;
  /** Requests hit so far. */
  hits: number;
}

export interface FaultTarget {
  on: Operation;
  ref?: string | undefined;
  rangeStart?: number | undefined;
}

/** Faults that tests ask for; a request is hit by each rule that it matches. */
export class Faults {
  readonly #armed = new Map<number, ArmedFault>();
  #lastId = 0;

  /** Arms a fault; the returned object counts its hits. */
  add(rule: FaultRule): ArmedFault {
    const armed = { ...faultRule.parse(rule), id: ++this.#lastId, hits: 0 };
    this.#armed.set(armed.id, armed);
    return armed;
  }

  remove(id: number): boolean {
    return this.#armed.delete(id);
  }

  clear(): void {
    this.#armed.clear();
  }

  list(): ArmedFault[] {
    return [...this.#armed.values()];
  }

  /** The faults of one request, spent by it. */
  take(target: FaultTarget): Fault[] {
    return this.list().flatMap((armed) => {
      if (!matches(armed, target)) return [];
      if (armed.skip > 0) {
        armed.skip -= 1;
        return [];
      }
      armed.hits += 1;
      if (armed.hits === armed.times) this.#armed.delete(armed.id);
      return [armed.fault];
    });
  }
}

function matches(armed: ArmedFault, { on, ref, rangeStart }: FaultTarget): boolean {
  if (armed.on !== on) return false;
  if (armed.ref !== undefined && armed.ref.toLowerCase() !== ref?.toLowerCase()) return false;
  return armed.rangeStart === undefined || armed.rangeStart === rangeStart;
}

/** The fault of that kind among the ones that hit a request. */
export function findFault<K extends Fault["kind"]>(faults: Fault[], kind: K): Extract<Fault, { kind: K }> | undefined {
  return faults.find((one): one is Extract<Fault, { kind: K }> => one.kind === kind);
}
