import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bucket, Storage } from "@google-cloud/storage";
import { loadKeys, type ServiceAccount, type StorageHmac } from "../../../local/keys.ts";
import { startStorage } from "../../../local/storage/start-storage.ts";

export interface Served {
  readonly url: string;
  dir: string;
  serviceAccount: ServiceAccount;
  storageHmac: StorageHmac;
  /** What the server complained of. */
  log: string[];
  /** Google's own client, signing as the service account. */
  connect(endpoint?: string): Storage;
  bucket(name: string): Promise<Bucket>;
  /** Stops the server and starts it again on the same folder and port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Serves Cloud Storage from a folder of its own. */
export async function serveStorage(options: { md5?: boolean } = {}): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "corral-storage-"));
  const dir = join(folder, "data");
  const { serviceAccount, storageHmac } = await loadKeys(folder);
  const log: string[] = [];
  const start = (port: number) =>
    startStorage({ port, dir, serviceAccount, storageHmac, log: (line) => void log.push(line), ...options });
  let server = await start(0);
  const { url } = server;
  const connect = (endpoint = url) =>
    new Storage({ apiEndpoint: endpoint, projectId: serviceAccount.project_id, credentials: serviceAccount });
  return {
    url,
    dir,
    serviceAccount,
    storageHmac,
    log,
    connect,
    bucket: async (name) => (await connect().createBucket(name))[0],
    restart: async () => {
      await server.close();
      server = await start(Number(new URL(url).port));
    },
    close: async () => {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
