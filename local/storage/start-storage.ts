import { createServer } from "node:http";
import type { ServiceAccount, StorageHmac } from "../keys.ts";
import { lingerOnClose } from "../linger-on-close.ts";
import { closeServer, LOOPBACK, listen } from "../listen.ts";
import type { Log } from "../log.ts";
import { addBatchRoute } from "./batch-route.ts";
import { addBucketRoutes } from "./bucket-routes.ts";
import { addCopyRoutes } from "./copy-routes.ts";
import { type Deps, handleRequest } from "./handle-request.ts";
import { Md5Hasher } from "./md5-hasher.ts";
import { addObjectRoutes } from "./object-routes.ts";
import { ResumableUploads } from "./resumable-uploads.ts";
import { Router } from "./router.ts";
import { handleSigned } from "./signed-requests.ts";
import { Store } from "./store.ts";
import { addUploadRoutes } from "./upload-routes.ts";
import { SignatureVerifier } from "./verify-signature.ts";

export interface StorageOptions {
  port: number;
  /** Folder of the data; only one server may use it at a time. */
  dir: string;
  /** V4 signed URLs are valid when this account signed them, with its key pair or with its HMAC key. */
  serviceAccount: ServiceAccount;
  storageHmac: StorageHmac;
  /** False spares the processor: no object has an MD5, as if all were composite. For benchmarks of other things. */
  md5?: boolean;
  /** What one connection carries towards us, as over a long way; as much as it can when left out. */
  uploadBytesPerSecond?: number;
  log?: Log;
}

export interface RunningStorage {
  url: string;
  close(): Promise<void>;
}

/** An idle connection outlives the pauses of a client, which would otherwise send into a closed one. */
const SERVER_OPTIONS = { requestTimeout: 0, keepAliveTimeout: 75_000, highWaterMark: 1 << 18 };

/** Serves Cloud Storage from a folder: the JSON API, and of the XML API what signed URLs need. */
export async function startStorage(options: StorageOptions): Promise<RunningStorage> {
  const { port, dir, serviceAccount, storageHmac, md5 = true, log = () => undefined } = options;
  const store = await Store.open(dir, log);
  const hasher = md5 ? new Md5Hasher() : undefined;
  const uploads = new ResumableUploads(store, hasher);
  let url = "";
  const router = new Router();
  addBucketRoutes(router, store);
  addObjectRoutes(router, store);
  addCopyRoutes(router, store);
  addUploadRoutes(router, store, hasher, uploads);
  addBatchRoute(router, () => url);
  const deps: Deps = {
    router,
    handleSigned: (call) => handleSigned(call, store, hasher),
    verifier: new SignatureVerifier(serviceAccount, storageHmac),
    store,
    log,
    uploadBytesPerSecond: options.uploadBytesPerSecond,
  };

  const running = new Set<Promise<void>>();
  const server = createServer(SERVER_OPTIONS, (request, response) => {
    const handled = handleRequest(deps, request, response).finally(() => running.delete(handled));
    running.add(handled);
  });
  lingerOnClose(server);
  const close = async () => {
    await closeServer(server);
    await Promise.all(running);
    await uploads.close();
    await hasher?.close();
    await store.close();
  };
  try {
    url = `http://${LOOPBACK}:${await listen(server, "Cloud Storage", port)}`;
  } catch (error) {
    await close();
    throw error;
  }
  return { url, close };
}
