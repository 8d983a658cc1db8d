import { Storage } from "@google-cloud/storage";

/** Makes the bucket as docs/deploy.md does in production: what is under tmp/ goes after a day. */
export async function createBucket(endpoint: string, name: string): Promise<void> {
  const bucket = new Storage({ apiEndpoint: endpoint, projectId: "corral-local" }).bucket(name);
  const [exists] = await bucket.exists();
  if (!exists) await bucket.create();
  await bucket.setMetadata({
    lifecycle: { rule: [{ action: { type: "Delete" }, condition: { age: 1, matchesPrefix: ["tmp/"] } }] },
  });
}
