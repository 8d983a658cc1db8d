import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { closeServer, LOOPBACK, listen } from "../listen.ts";
import type { Log } from "../log.ts";
import { Accounts, type KaggleToken, type KaggleUser } from "./accounts.ts";
import { ApiError } from "./api-error.ts";
import { BlobStore } from "./blob-store.ts";
import { Catalogue } from "./catalogue.ts";
import type { DatasetSpec } from "./dataset.ts";
import { FAULTS_PATH, serveFaults } from "./fault-route.ts";
import { Faults } from "./faults.ts";
import { handleBlob } from "./handle-blob.ts";
import { handleCall } from "./handle-call.ts";
import { sendJson } from "./json.ts";
import type { KaggleSite } from "./kaggle-site.ts";
import { Line, type Shape } from "./line.ts";
import { RequestLog } from "./request-log.ts";
import { UrlSigner } from "./signed-url.ts";

export interface KaggleOptions {
  port: number;
  users?: KaggleUser[];
  tokens?: KaggleToken[];
  shape?: Shape;
  log?: Log;
  /** Besides the catalogue of real ones. */
  extraDatasets?: DatasetSpec[];
}

export interface RunningKaggle {
  /** Without a path: clients add `/v1` (RPC) or `/api/v1` (REST, and RPC of clients outside production). */
  url: string;
  faults: Faults;
  requests: RequestLog;
  /** Adds a dataset, or publishes another spec under a known ref. */
  addDataset(spec: DatasetSpec): void;
  close(): Promise<void>;
}

const BUCKETS = /^\/(kaggle-data-sets|kagglesdsdata)\//;
/** Keeps the kernel busy between two turns of the event loop. */
const WRITE_BUFFER_BYTES = 4 * 1024 * 1024;
/** Google's front ends keep idle connections for minutes; Node's five seconds would surprise busy clients. */
const KEEP_ALIVE_MS = 600_000;

/** Starts a Kaggle on loopback: API, signed downloads and the catalogue, with faults on demand. */
export async function startKaggle(options: KaggleOptions): Promise<RunningKaggle> {
  const { users = [], tokens = [], shape = {}, log = () => undefined, extraDatasets = [] } = options;
  await Promise.all(extraDatasets.flatMap(({ versions }) => versions.map(({ archive }) => archive?.hashes())));
  const faults = new Faults();
  const requests = new RequestLog();
  const catalogue = new Catalogue(extraDatasets);
  const server = createServer({ highWaterMark: WRITE_BUFFER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS });
  const port = await listen(server, "Kaggle", options.port);
  const url = `http://${LOOPBACK}:${port}`;
  const site: KaggleSite = {
    catalogue,
    accounts: new Accounts(users, tokens),
    blobs: new BlobStore(),
    signer: new UrlSigner(url),
    faults,
    requests,
    line: new Line(shape),
    log,
  };
  server.on("request", (req, res) => {
    // Through a proxy variable the request line holds a whole URL; its path is what counts.
    const asked = new URL(req.url ?? "/", url);
    handle(site, req, res, asked).catch((error: unknown) => {
      if (error instanceof ApiError) return sendJson(res, error.status, error.body, error.headers);
      log(`${req.method} ${asked.pathname}: ${error instanceof Error ? error.stack : error}`);
      res.destroy();
    });
  });
  return {
    url,
    faults,
    requests,
    addDataset: (spec) => void catalogue.add(spec),
    close: () => closeServer(server),
  };
}

async function handle(site: KaggleSite, req: IncomingMessage, res: ServerResponse, asked: URL): Promise<void> {
  const { pathname } = asked;
  if (pathname === FAULTS_PATH || pathname.startsWith(`${FAULTS_PATH}/`))
    return serveFaults(req, res, pathname, site.faults);
  const seen = site.requests.add(req, res, asked);
  if (BUCKETS.test(pathname)) return handleBlob(site, req, res, asked, seen);
  res.once("close", () => {
    const what = seen.operation ?? `${seen.method} ${seen.path}`;
    site.log([what, seen.ref, seen.status ?? "broken off"].filter((part) => part !== undefined).join(" "));
  });
  await handleCall(site, req, res, asked, seen);
}
