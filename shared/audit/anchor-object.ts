import { z } from "zod";

const FOLDER = "audit";

/** What the bucket keeps of a seal: enough to tell whether the chain in Postgres is still the one that was sealed. */
export const anchor = z.object({
  seal: z.int().positive(),
  /** Hex SHA-256 over the heads and digests so far. */
  head: z.string().regex(/^[\da-f]{64}$/),
  /** How many rows of the audit trail the seal is over. */
  entries: z.int().positive(),
  sealed_at: z.string(),
});

export type Anchor = z.infer<typeof anchor>;

/** The object that keeps the head of a seal. */
export function anchorObject(seal: number): string {
  return `${FOLDER}/${String(seal).padStart(12, "0")}.json`;
}

/** The seal whose head an object keeps; undefined for any other object. */
export function sealOf(objectName: string): number | undefined {
  const digits = /^audit\/(\d{12,})\.json$/.exec(objectName)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
