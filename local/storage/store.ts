import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../log.ts";
import { checkPreconditions } from "./check-preconditions.ts";
import { Journal } from "./journal.ts";
import type {
  BucketRecord,
  Change,
  ExpectedHashes,
  ObjectRecord,
  ObjectSettings,
  Preconditions,
  Segment,
  UploadRecord,
} from "./records.ts";
import { Segments } from "./segments.ts";
import { State } from "./state.ts";
import { conflict, invalid, noSuchBucket, noSuchObject } from "./storage-error.ts";

const UPLOAD_LIFETIME_MS = 7 * 24 * 3600 * 1000;

export interface NewObject {
  bucket: string;
  name: string;
  settings: ObjectSettings;
  preconditions: Preconditions;
  size: number;
  crc32c: string;
  md5Hash?: string | undefined;
  componentCount?: number | undefined;
  segments: Segment[];
  upload?: string | undefined;
}

/**
 * Buckets and objects in a folder. Every change checks its conditions, is journaled and takes effect in one synchronous
 * step, so no two requests can both pass a precondition. What a method resolved to outlives this process; after a power
 * cut, an object whose bytes were not on disk yet is gone as a whole.
 */
export class Store {
  readonly segments: Segments;
  readonly #state: State;
  readonly #journal: Journal;
  #lastGeneration = 0;

  private constructor(segments: Segments, state: State, journal: Journal) {
    this.segments = segments;
    this.#state = state;
    this.#journal = journal;
  }

  static async open(dir: string, log: Log): Promise<Store> {
    await mkdir(dir, { recursive: true });
    const path = join(dir, "journal.jsonl");
    const segments = await Segments.open(join(dir, "segments"));
    const state = new State(segments);
    for (const change of await Journal.read(path)) state.apply(change);
    for (const { bucket, name, segments: parts } of state.objects()) {
      if (await segments.areWhole(parts)) continue;
      log(`gs://${bucket}/${name} is lost: the machine stopped before its bytes were on disk.`);
      state.apply({ op: "delete_object", bucket, name });
    }
    const oldest = new Date(Date.now() - UPLOAD_LIFETIME_MS).toISOString();
    for (const { id, timeCreated } of state.uploads()) {
      if (timeCreated < oldest) state.apply({ op: "close_upload", id });
    }
    const journal = await Journal.create(path, [...state.changes()]);
    await segments.sweep();
    return new Store(segments, state, journal);
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  buckets(): BucketRecord[] {
    return this.#state.buckets();
  }

  bucket(name: string) {
    const bucket = this.#state.bucket(name);
    if (bucket === undefined) throw noSuchBucket();
    return bucket;
  }

  /** The live object; a generation that is no longer the live one is not found. */
  object(bucketName: string, name: string, generation?: string): ObjectRecord {
    const object = this.bucket(bucketName).objects.get(name);
    if (object === undefined || (generation !== undefined && generation !== String(object.generation)))
      throw noSuchObject(bucketName, name);
    return object;
  }

  async createBucket(name: string, settings: BucketRecord["settings"]): Promise<BucketRecord> {
    if (this.#state.bucket(name) !== undefined) {
      throw conflict("Your previous request to create the named bucket succeeded and you already own it.");
    }
    const now = new Date().toISOString();
    const bucket: BucketRecord = { name, metageneration: 1, timeCreated: now, updated: now, settings };
    await this.#commit({ op: "put_bucket", bucket });
    return bucket;
  }

  async updateBucket(
    name: string,
    conditions: Preconditions,
    update: (settings: BucketRecord["settings"]) => BucketRecord["settings"],
  ): Promise<BucketRecord> {
    const { record } = this.bucket(name);
    checkPreconditions({ generation: 0, metageneration: record.metageneration }, conditions, "write");
    const bucket: BucketRecord = {
      ...record,
      metageneration: record.metageneration + 1,
      updated: new Date().toISOString(),
      settings: update(record.settings),
    };
    await this.#commit({ op: "put_bucket", bucket });
    return bucket;
  }

  async deleteBucket(name: string, conditions: Preconditions): Promise<void> {
    const { record, objects } = this.bucket(name);
    checkPreconditions({ generation: 0, metageneration: record.metageneration }, conditions, "write");
    if (objects.size > 0) throw conflict("The bucket you tried to delete is not empty.");
    await this.#commit({ op: "delete_bucket", name });
  }

  /** Puts a new generation in the place of whatever has that name, if the preconditions hold for the latter. */
  async putObject(object: NewObject): Promise<ObjectRecord> {
    const record = this.#newRecord(object);
    await this.#commit({ op: "put_object", object: record });
    return record;
  }

  /** Changes settings of the live object under a new metageneration. */
  async updateObject(
    bucket: string,
    name: string,
    generation: string | undefined,
    conditions: Preconditions,
    update: (settings: ObjectSettings) => ObjectSettings,
  ): Promise<ObjectRecord> {
    const before = this.object(bucket, name, generation);
    checkPreconditions(before, conditions, "write");
    const { contentType, contentEncoding, contentDisposition, contentLanguage, cacheControl, customTime, metadata } =
      update(before);
    const object: ObjectRecord = {
      ...before,
      ...{ contentType, contentEncoding, contentDisposition, contentLanguage, cacheControl, customTime, metadata },
      metageneration: before.metageneration + 1,
      updated: new Date().toISOString(),
    };
    await this.#commit({ op: "put_object", object });
    return object;
  }

  async deleteObject(
    bucket: string,
    name: string,
    generation: string | undefined,
    conditions: Preconditions,
  ): Promise<void> {
    checkPreconditions(this.bucket(bucket).objects.get(name), conditions, "write");
    this.object(bucket, name, generation);
    await this.#commit({ op: "delete_object", bucket, name });
  }

  /** Puts the object and removes the one it came from, both or neither. */
  async moveObject(from: ObjectRecord, object: NewObject): Promise<ObjectRecord> {
    if (from.name === object.name) throw invalid("The source and destination of a move must differ.");
    const record = this.#newRecord(object);
    await this.#commit({ op: "move_object", from: from.name, object: record });
    return record;
  }

  /** Opens a resumable upload; conditions that fail already are refused now, and all are checked again at its end. */
  async openUpload(upload: Omit<UploadRecord, "id" | "timeCreated">): Promise<UploadRecord> {
    this.checkWrite(upload.bucket, upload.name, upload.preconditions);
    const record = { ...upload, id: randomUUID(), timeCreated: new Date().toISOString() };
    await this.#commit({ op: "open_upload", upload: record });
    return record;
  }

  upload(id: string): UploadRecord | undefined {
    return this.#state.upload(id);
  }

  finishedUpload(id: string): ObjectRecord | undefined {
    return this.#state.finishedUpload(id);
  }

  async closeUpload(id: string): Promise<void> {
    if (this.#state.upload(id) !== undefined) await this.#commit({ op: "close_upload", id });
  }

  checkWrite(bucket: string, name: string, conditions: Preconditions): void {
    checkPreconditions(this.bucket(bucket).objects.get(name), conditions, "write");
  }

  #newRecord({ settings, preconditions, ...object }: NewObject): ObjectRecord {
    this.checkWrite(object.bucket, object.name, preconditions);
    const now = new Date().toISOString();
    const generation = this.#nextGeneration(this.#state.object(object.bucket, object.name));
    return { ...settings, ...object, generation, metageneration: 1, timeCreated: now, updated: now };
  }

  /** Microseconds since 1970, as on Cloud Storage, and always more than before. */
  #nextGeneration(before: ObjectRecord | undefined): number {
    this.#lastGeneration = Math.max(Date.now() * 1000, this.#lastGeneration + 1, (before?.generation ?? 0) + 1);
    return this.#lastGeneration;
  }

  #commit(change: Change): Promise<void> {
    this.#journal.append(change);
    this.#state.apply(change);
    return this.#journal.flush();
  }
}

/** Throws 400 when bytes are not what their sender promised. */
export function checkHashes(expected: ExpectedHashes, actual: { crc32c: string; md5Hash: string | undefined }): void {
  for (const [name, key] of [["CRC32C", "crc32c"] as const, ["MD5 hash", "md5Hash"] as const]) {
    const promised = expected[key];
    if (promised !== undefined && actual[key] !== undefined && promised !== actual[key]) {
      throw invalid(`Provided ${name} "${promised}" doesn't match calculated ${name} "${actual[key]}".`);
    }
  }
}
