import { type Anchor, anchor, anchorObject } from "../../shared/audit/anchor-object.ts";
import type { SignUrl } from "../../shared/cloud/sign-url.ts";
import type { Db } from "../../shared/db/connect-db.ts";
import { listUnanchoredSeals, noteAnchor } from "../../shared/db/seals.ts";

const LIFETIME_SECONDS = 60;
/** Nobody overwrites what is there: https://cloud.google.com/storage/docs/request-preconditions */
const ONLY_NEW = { "x-goog-if-generation-match": "0" };

/**
 * Puts the heads of new seals into the bucket, oldest first, and resolves to how many. A head that is there already is
 * left as it is; one that is not the same is news that only a person can judge, and stops the rest.
 */
export async function anchorSeals({ db, sign }: { db: Db; sign: SignUrl }): Promise<number> {
  const seals = await listUnanchoredSeals(db);
  for (const seal of seals) {
    await keepHead(seal, sign);
    await noteAnchor(db, seal.seal);
  }
  return seals.length;
}

async function keepHead(seal: Anchor, sign: SignUrl): Promise<void> {
  const object = anchorObject(seal.seal);
  const headers = { ...ONLY_NEW, "content-type": "application/json" };
  const url = await sign({ method: "PUT", object, lifetimeSeconds: LIFETIME_SECONDS, headers });
  const reply = await fetch(url, { method: "PUT", headers, body: JSON.stringify(seal) });
  await reply.body?.cancel();
  if (reply.ok) return;
  if (reply.status !== 412)
    throw new Error(`Cannot keep the head of seal ${seal.seal}: the bucket answers ${reply.status}`);
  const kept = await fetch(await sign({ method: "GET", object, lifetimeSeconds: LIFETIME_SECONDS }));
  if (!kept.ok) throw new Error(`Cannot read ${object}: the bucket answers ${kept.status}`);
  const { head } = anchor.parse(await kept.json());
  if (head !== seal.head) throw new Error(`${object} holds another head than seal ${seal.seal} has: run audit:verify`);
}
