import { createHash } from "node:crypto";
import type { Anchor } from "../shared/audit/anchor-object.ts";
import type { Seal } from "../shared/db/seals.ts";

/** How many heads are read at a time. */
const HEADS_AT_ONCE = 16;
const DAY_MS = 24 * 3600 * 1000;

export interface ChainSource {
  /** The seals after one, oldest first; none when there are no more. */
  listSeals(after: number): Promise<Seal[]>;
  /** The lines that a seal is over, in order, from after so many on; none when there are no more. */
  readLines(seal: number, after: number): Promise<string[]>;
  /** The seals that the bucket keeps heads of, in any order, and when those were written. */
  listAnchors(): Promise<{ seal: number; writtenAt: Date }[]>;
  /** What the bucket keeps of a seal that it keeps something of. */
  readAnchor(seal: number): Promise<Anchor>;
  /** For how many days the trail is kept. */
  retentionDays: number;
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
  const anchors = new Map((await source.listAnchors()).map(({ seal, writtenAt }) => [seal, writtenAt]));
  const faults: string[] = [];
  let rows = 0;
  let seals = 0;
  let oldest: Seal | undefined;
  let newest: Seal | undefined;
  for (let page = await source.listSeals(0); page.length > 0; page = await source.listSeals(newest?.id ?? 0)) {
    const heads = await readHeads(
      source,
      page.map(({ id }) => id).filter((id) => anchors.has(id)),
    );
    for (const seal of page) {
      onSeal(seal);
      const { digest, count } = await digestLines(source, seal.id);
      faults.push(...faultsOfSeal(seal, newest, { digest, count }), ...faultsOfHead(seal, heads.get(seal.id)));
      oldest ??= seal;
      newest = seal;
      seals += 1;
      rows += count;
    }
  }
  faults.push(...(await faultsOfBeginning(source, anchors, oldest)), ...faultsOfEnd(anchors, newest));
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

async function readHeads(source: ChainSource, seals: number[]): Promise<Map<number, string>> {
  const heads = new Map<number, string>();
  const queue = seals.values();
  const work = async () => {
    for (const seal of queue) heads.set(seal, (await source.readAnchor(seal)).head);
  };
  await Promise.all(Array.from({ length: HEADS_AT_ONCE }, work));
  return heads;
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

function faultsOfHead(seal: Seal, head: string | undefined): string[] {
  if (head === undefined) return seal.isAnchored ? [`The bucket has lost the head of seal ${seal.id}.`] : [];
  return head === seal.head ? [] : [`The bucket keeps another head of seal ${seal.id} than Postgres does.`];
}

/** The oldest seal has to go on from the one before it, and what is gone has to have been old enough to go. */
async function faultsOfBeginning(
  source: ChainSource,
  anchors: ReadonlyMap<number, Date>,
  oldest: Seal | undefined,
): Promise<string[]> {
  if (oldest === undefined) return [];
  const horizon = Date.now() - source.retentionDays * DAY_MS;
  const cut = [...anchors].filter(([seal, writtenAt]) => seal < oldest.id && writtenAt.getTime() > horizon);
  const faults = cut
    .toSorted(([a], [b]) => a - b)
    .map(([seal]) => `Postgres does not have seal ${seal} any more, which is not ${source.retentionDays} days old.`);
  const before = oldest.id - 1;
  if (anchors.has(before) && (await source.readAnchor(before)).head !== oldest.previousHead) {
    faults.push(`Seal ${oldest.id} does not follow the head of seal ${before} that the bucket keeps.`);
  }
  return faults;
}

/** Heads that Postgres knows nothing of: the end of its chain was cut off. */
function faultsOfEnd(anchors: ReadonlyMap<number, Date>, newest: Seal | undefined): string[] {
  const lost = [...anchors.keys()].filter((seal) => seal > (newest?.id ?? 0)).toSorted((a, b) => a - b);
  return lost.map((seal) => `The bucket keeps the head of seal ${seal}, which Postgres does not have any more.`);
}
