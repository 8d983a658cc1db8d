import type { Bucket } from "@google-cloud/storage";
import { connectKaggle, type Kaggle, type KaggleCredentials } from "../../shared/cloud/kaggle.ts";
import type { Snapshot } from "../heartbeat.ts";
import { RateMeter } from "../rate-meter.ts";
import { callKaggle } from "./call-kaggle.ts";
import { describeKeywords, type Found, findDataset } from "./find-dataset.ts";
import { HttpClient } from "./http-client.ts";
import type { Candidate } from "./rank-datasets.ts";
import { toBytes } from "./size-limit.ts";
import { Source } from "./source.ts";
import { type ArchiveWatch, type StoredArchive, storeArchive } from "./store-archive.ts";
import { takeBest } from "./take-best.ts";

/** What a project wants, as Postgres tells it. */
export interface IngestTask {
  projectName: string;
  keywords: string[];
  kaggleRef: string | null;
  allowedLicenses: string[];
  maxGigabytes: number;
}

export interface IngestDeps {
  task: IngestTask;
  kaggleUrl: string;
  credentials: KaggleCredentials;
  bucket: Bucket;
  /** Folder of this run's objects, with a slash at its end. */
  folder: string;
  connections: number;
  partBytes?: number | undefined;
  md5Worker: URL;
  progress: IngestProgress;
  /** Writes a line to the project's log and, with a message, tells its owner. */
  tell: (line: string, message?: string) => Promise<void>;
  /** Writes a line to the project's log that its owner may want to act on. */
  warn: (line: string) => Promise<void>;
  now: () => Date;
  signal: AbortSignal;
}

export interface Ingested extends Found {
  stored: StoredArchive;
}

/** Where an ingestion is and how far; read by the heartbeat whenever it reports. */
export class IngestProgress {
  readonly meter = new RateMeter();
  phase = "starting";
  ref: string | null = null;

  snapshot(): Snapshot {
    return { phase: this.phase, progress: { dataset: this.ref, ...this.meter.read() } };
  }
}

/** Finds the dataset that serves a project best and brings it into the bucket. */
export async function ingestDataset(deps: IngestDeps): Promise<Ingested> {
  const { task, progress, tell, signal } = deps;
  await tell(`Starting the dataset agent for project ${task.projectName}`);
  await tell("Authenticating with Kaggle");
  const kaggle = connectKaggle(deps.kaggleUrl, deps.credentials);

  progress.phase = "searching";
  const subject = task.kaggleRef ?? describeKeywords(task.keywords);
  // Without a subject nothing is searched, and the failure that follows says why.
  if (subject !== "") await tell(`Searching Kaggle for ${subject}`, `Searching Kaggle for ${subject}.`);
  const maxBytes = toBytes(task.maxGigabytes);
  const found = await findDataset(kaggle, {
    keywords: task.keywords,
    allowedLicenses: task.allowedLicenses,
    ref: task.kaggleRef,
    maxBytes,
    now: deps.now(),
    signal,
  });
  const { ref, version, score } = found.chosen;
  await tell(`Found dataset ${ref} version ${version} (score ${score}, ${found.candidates.length} candidates)`);
  const http = new HttpClient();
  const store = (candidate: Candidate) => storeCandidate(candidate, { ...deps, kaggle, http, maxBytes });
  try {
    const { taken, ...best } = await takeBest(found, store, deps.warn);
    return { ...best, stored: taken };
  } finally {
    http.close();
  }
}

async function storeCandidate(
  { ref, version }: Candidate,
  deps: IngestDeps & { kaggle: Kaggle; http: HttpClient; maxBytes: number },
): Promise<StoredArchive> {
  const { kaggle, http, bucket, progress, tell, signal } = deps;
  progress.ref = ref;
  const requestUrl = () => callKaggle(() => kaggle.requestDownload(ref, version, signal), signal);
  const source = new Source({ http, requestUrl, signal });
  try {
    await tell(`Downloading ${ref} from Kaggle`, `Downloading ${ref}.`);
    const stored = await storeArchive({
      ...deps,
      ref,
      version,
      source,
      watch: watchInto(progress, () => tell(`Uploading ${ref} to gs://${bucket.name}`, `Uploading ${ref}.`)),
    });
    progress.phase = "publishing";
    await tell(stored.reused ? `${stored.url} is there already; nothing was moved` : `Stored ${stored.url}`);
    await tell("Recording metadata");
    return stored;
  } finally {
    source.close();
  }
}

function watchInto(progress: IngestProgress, onUpload: () => Promise<void>): ArchiveWatch {
  const { meter } = progress;
  return {
    async onTransfer(totalBytes) {
      progress.phase = "transferring";
      await onUpload();
      meter.start(totalBytes);
    },
    onFound: (count) => meter.find(count),
    onBytes: (count) => meter.add(count),
    onProof() {
      meter.finish();
      progress.phase = "verifying";
    },
    onCompose() {
      progress.phase = "composing";
    },
  };
}
