import type { Anchor } from "../audit/anchor-object.ts";
import { answer } from "./answers.ts";
import type { Db } from "./connect-db.ts";

/** The oldest seals of the audit trail whose heads are not known to be in the bucket, at most a hundred. */
export async function listUnanchoredSeals(db: Db): Promise<Anchor[]> {
  const rows = await answer(db.rpc("list_unanchored_seals"));
  return rows.map(({ id, head, entries, sealed_at }) => ({ seal: id, head, entries, sealed_at }));
}

/** Notes that a seal's head is in the bucket. */
export async function noteAnchor(db: Db, seal: number): Promise<void> {
  await answer(db.rpc("note_anchor", { p_seal: seal }));
}

/** A link of the chain: its digest is over the rows that it seals, its head over the previous head and that digest. */
export interface Seal {
  id: number;
  entries: number;
  digest: string;
  previousHead: string;
  head: string;
  sealedAt: string;
  isAnchored: boolean;
}

/** The seals after one, oldest first, at most a thousand. */
export async function listSeals(db: Db, after: number): Promise<Seal[]> {
  const rows = await answer(db.rpc("list_seals", { p_after: after }));
  return rows.map(({ id, entries, digest, previous_head, head, sealed_at, anchored_at }) => ({
    id,
    entries,
    digest,
    previousHead: previous_head,
    head,
    sealedAt: sealed_at,
    isAnchored: anchored_at !== null,
  }));
}

/** The lines that a seal is over, in order, at most a thousand after so many. */
export async function readSealedLines(db: Db, seal: number, after: number): Promise<string[]> {
  return answer(db.rpc("read_sealed_lines", { p_seal: seal, p_after: after }));
}

/** For how many days the audit trail is kept, and the heads of its seals with it. */
export async function getAuditRetention(db: Db): Promise<number> {
  return answer(db.rpc("get_audit_retention"));
}
