import { createHash } from "node:crypto";
import type { Anchor } from "../shared/audit/anchor-object.ts";
import type { Seal } from "../shared/db/seals.ts";

export interface ChainSource {
  /** The seals after one, oldest first; none when there are no more. */
  listSeals(after: number): Promise<Seal[]>;
  /** The lines that a seal is over, in order, from after so many on; none when there are no more. */
  readLines(seal: number, after: number): Promise<string[]>;
  /** What the bucket keeps of a seal; undefined when it keeps nothing. */
  readAnchor(seal: number): Promise<Anchor | undefined>;
  /** The seals that the bucket keeps heads of, in any order. */
  listAnchors(): Promise<number[]>;
}

export interface ChainReport {
  seals: number;
  rows: number;
  /** What is not as it was sealed, in the words that a person reads; empty when all is. */
  faults: string[];
  /** The newest seal; undefined when nothing was ever sealed. */
  newest: Seal | undefined;
}

/**
 * Recomputes the whole chain from the rows, beginning at the oldest seal that is retained, and compares it with what
 * Postgres and the bucket keep. A row that was changed, added or removed breaks the digest of its seal; whoever mends the
 * digests too breaks the heads; and whoever mends these as well cannot mend the bucket's.
 */
export async function verifyChain(source: ChainSource, onSeal: (seal: Seal) => void = () => {}): Promise<ChainReport> {
  const faults: string[] = [];
  let rows = 0;
  let seals = 0;
  let oldest: Seal | undefined;
  let newest: Seal | undefined;
  for (let page = await source.listSeals(0); page.length > 0; page = await source.listSeals(newest?.id ?? 0)) {
    for (const seal of page) {
      onSeal(seal);
      const { digest, count } = await digestLines(source, seal.id);
      faults.push(...faultsOfSeal(seal, newest, { digest, count }), ...(await faultsOfAnchor(seal, source)));
      oldest ??= seal;
      newest = seal;
      seals += 1;
      rows += count;
    }
  }
  faults.push(...(await faultsOfBucket(source, oldest, newest)));
  return { seals, rows, faults, newest };
}

async function digestLines(source: ChainSource, seal: number): Promise<{ digest: string; count: number }> {
  const hash = createHash("sha256");
  let count = 0;
  for (let lines = await source.readLines(seal, 0); lines.length > 0; lines = await source.readLines(seal, count)) {
    for (const line of lines) hash.update(`${line}\n`);
    count += lines.length;
  }
  return { digest: hash.digest("hex"), count };
}

function faultsOfSeal(seal: Seal, before: Seal | undefined, found: { digest: string; count: number }): string[] {
  const faults: string[] = [];
  if (before !== undefined && (seal.id !== before.id + 1 || seal.previousHead !== before.head)) {
    faults.push(`Seal ${seal.id} does not follow seal ${before.id}: what was between them is gone or was changed.`);
  }
  if (found.count !== seal.entries) {
    faults.push(`Seal ${seal.id} is over ${seal.entries} rows, but there are ${found.count}.`);
  } else if (found.digest !== seal.digest) {
    faults.push(`A row under seal ${seal.id} (${seal.sealedAt}) is not as it was sealed.`);
  }
  if (createHash("sha256").update(`${seal.previousHead}\n${seal.digest}`).digest("hex") !== seal.head) {
    faults.push(`The head of seal ${seal.id} does not come from its digest: the seal was changed.`);
  }
  return faults;
}

async function faultsOfAnchor(seal: Seal, source: ChainSource): Promise<string[]> {
  const anchor = await source.readAnchor(seal.id);
  if (anchor !== undefined) {
    return anchor.head === seal.head ? [] : [`The bucket keeps another head of seal ${seal.id} than Postgres does.`];
  }
  return seal.isAnchored ? [`The bucket has lost the head of seal ${seal.id}.`] : [];
}

/** Heads that Postgres knows nothing of: the end of its chain was cut off. */
async function faultsOfBucket(
  source: ChainSource,
  oldest: Seal | undefined,
  newest: Seal | undefined,
): Promise<string[]> {
  const kept = await source.listAnchors();
  const first = oldest?.id ?? 0;
  const lost = kept.filter((id) => id >= first && id > (newest?.id ?? 0)).toSorted((a, b) => a - b);
  return lost.map((id) => `The bucket keeps the head of seal ${id}, which Postgres does not have any more.`);
}
