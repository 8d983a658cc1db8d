import { createHash } from "node:crypto";
import type { Bucket, File, FileMetadata } from "@google-cloud/storage";
import { z } from "zod";
import type { TabularFormat } from "../tabular/tabular-format.ts";
import { ChunkUpload } from "./chunk-upload.ts";
import type { ChunkPlan } from "./plan-chunks.ts";
import { StoredChunks } from "./stored-chunks.ts";
import { UploadSlots } from "./upload-slots.ts";

/** A chunk that is in the bucket. */
export interface StoredChunk {
  number: number;
  url: string;
  rows: number;
  bytes: number;
}

export interface ChunkStoreOptions {
  bucket: Bucket;
  /** Folder of the job's chunks, with a slash at its end; it holds nothing else afterwards. */
  folder: string;
  format: TabularFormat;
  plan: ChunkPlan;
  /** The identity of the data that is split. */
  identity: string;
  onStored: (chunk: StoredChunk) => Promise<void>;
  signal: AbortSignal;
}

const CONTENT_TYPES: Record<TabularFormat, string> = {
  csv: "text/csv; charset=utf-8",
  tsv: "text/tab-separated-values; charset=utf-8",
  jsonl: "application/x-ndjson",
  parquet: "application/vnd.apache.parquet",
};
/** Goes into every chunk's mark: chunks that another version of this code would write differently do not count. */
const LAYOUT = 1;

const chunkMetadata = z.object({
  generation: z.coerce.string(),
  size: z.coerce.number(),
  metadata: z.object({ split: z.string().optional() }).optional(),
});

/**
 * Brings a plan's chunks into the bucket, in order. Each carries a mark of the data and the plan that it came from: the
 * same mark means the same bytes, so that what an earlier attempt stored is kept, and anything else is replaced.
 */
export class ChunkStore {
  readonly #options: ChunkStoreOptions;
  readonly #mark: string;
  readonly #stored: StoredChunks;
  readonly #slots = new UploadSlots();
  #number = 0;

  constructor(options: ChunkStoreOptions) {
    const { bucket, folder, identity, format, plan } = options;
    this.#options = options;
    this.#stored = new StoredChunks(bucket, folder);
    const facts = [LAYOUT, identity, format, plan.rows, plan.count];
    this.#mark = createHash("sha256").update(JSON.stringify(facts)).digest("hex");
  }

  /** Begins the next chunk; undefined when it is there already and its rows need only be passed over. */
  async next(): Promise<ChunkUpload | undefined> {
    const { bucket, folder, plan, format, signal } = this.#options;
    signal.throwIfAborted();
    const number = ++this.#number;
    const name = `${folder}${plan.nameOf(number)}.${format}`;
    const existing = await this.#stored.take(name);
    if (existing !== undefined && this.#isSame(existing.metadata)) {
      await this.#slots.run(() => this.#tell(number, existing, existing.metadata));
      return undefined;
    }
    const { generation } = existing === undefined ? { generation: "0" } : chunkMetadata.parse(existing.metadata);
    const file = bucket.file(name);
    return new ChunkUpload({
      file,
      ifGenerationMatch: generation,
      contentType: CONTENT_TYPES[format],
      mark: this.#mark,
      slots: this.#slots,
      isSame: (metadata) => this.#isSame(metadata),
      onStored: (metadata) => this.#tell(number, file, metadata),
      signal,
    });
  }

  /** Resolves when every chunk is stored and told of, and nothing else is in the folder. */
  async finish(): Promise<void> {
    await this.#slots.settle();
    await this.#stored.dropRest();
  }

  /** Resolves when nothing is on its way any more, however it ended. */
  async rest(): Promise<void> {
    await this.#slots.settle().catch(() => undefined);
  }

  #isSame(metadata: FileMetadata): boolean {
    return chunkMetadata.parse(metadata).metadata?.split === this.#mark;
  }

  async #tell(number: number, { name, bucket }: File, metadata: FileMetadata): Promise<void> {
    const bytes = chunkMetadata.parse(metadata).size;
    const rows = this.#options.plan.rowsOf(number);
    await this.#options.onStored({ number, url: `gs://${bucket.name}/${name}`, rows, bytes });
  }
}
