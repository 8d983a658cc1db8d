import { randomUUID } from "node:crypto";
import { type Bucket, Storage } from "@google-cloud/storage";
import { serveStorage } from "../../local/storage/serve-storage.ts";

/** A bucket that a suite may write to, under names that begin with the prefix. */
export interface TestBucket {
  bucket: Bucket;
  prefix: string;
  close(): Promise<void>;
}

interface Backend {
  name: string;
  open(): Promise<TestBucket>;
}

const standIn: Backend = {
  name: "the local Cloud Storage",
  open: async () => {
    const served = await serveStorage();
    return { bucket: await served.bucket("contract"), prefix: newPrefix(), close: served.close };
  },
};

/** Google's own, with ambient credentials: names a bucket that exists, for example `corral-contracts`. */
const { CORRAL_CONTRACT_BUCKET } = process.env;

const vendor = (name: string): Backend => ({
  name: `Cloud Storage, bucket ${name}`,
  open: async () => {
    const bucket = new Storage().bucket(name);
    const prefix = newPrefix();
    return { bucket, prefix, close: () => bucket.deleteFiles({ prefix, force: true }) };
  },
});

/** The suites hold for each of these. */
export const backends: Backend[] =
  CORRAL_CONTRACT_BUCKET === undefined ? [standIn] : [standIn, vendor(CORRAL_CONTRACT_BUCKET)];

function newPrefix(): string {
  return `contracts/${randomUUID()}/`;
}
