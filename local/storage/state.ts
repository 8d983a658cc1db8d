import { NameIndex } from "./name-index.ts";
import type { BucketRecord, Change, ObjectRecord, UploadRecord } from "./records.ts";
import type { Segments } from "./segments.ts";

interface BucketState {
  record: BucketRecord;
  objects: Map<string, ObjectRecord>;
  index: NameIndex;
}

/** What the journal amounts to. Changes are applied in order and hold or release the segments that they name. */
export class State {
  readonly #buckets = new Map<string, BucketState>();
  readonly #uploads = new Map<string, UploadRecord>();
  /** Uploads that became an object which is still there. */
  readonly #finished = new Map<string, ObjectRecord>();
  readonly #segments: Segments;

  constructor(segments: Segments) {
    this.#segments = segments;
  }

  buckets(): BucketRecord[] {
    return [...this.#buckets.values()].map(({ record }) => record);
  }

  bucket(name: string): BucketState | undefined {
    return this.#buckets.get(name);
  }

  object(bucket: string, name: string): ObjectRecord | undefined {
    return this.#buckets.get(bucket)?.objects.get(name);
  }

  objects(): ObjectRecord[] {
    return [...this.#buckets.values()].flatMap(({ objects }) => [...objects.values()]);
  }

  uploads(): UploadRecord[] {
    return [...this.#uploads.values()];
  }

  upload(id: string): UploadRecord | undefined {
    return this.#uploads.get(id);
  }

  finishedUpload(id: string): ObjectRecord | undefined {
    return this.#finished.get(id);
  }

  apply(change: Change): void {
    switch (change.op) {
      case "put_bucket":
        this.#putBucket(change.bucket);
        break;
      case "delete_bucket":
        this.#buckets.delete(change.name);
        break;
      case "put_object":
        this.#putObject(change.object);
        break;
      case "delete_object":
        this.#deleteObject(change.bucket, change.name);
        break;
      case "move_object":
        this.#putObject(change.object);
        this.#deleteObject(change.object.bucket, change.from);
        break;
      case "open_upload":
        this.#segments.hold([change.upload]);
        this.#uploads.set(change.upload.id, change.upload);
        break;
      case "close_upload":
        this.#closeUpload(change.id);
        break;
    }
  }

  /** The fewest changes that lead here. */
  *changes(): Generator<Change> {
    for (const { record, objects } of this.#buckets.values()) {
      yield { op: "put_bucket", bucket: record };
      for (const object of objects.values()) yield { op: "put_object", object };
    }
    for (const upload of this.#uploads.values()) yield { op: "open_upload", upload };
  }

  #putBucket(record: BucketRecord): void {
    const known = this.#buckets.get(record.name);
    if (known) known.record = record;
    else this.#buckets.set(record.name, { record, objects: new Map(), index: new NameIndex() });
  }

  #putObject(object: ObjectRecord): void {
    const bucket = this.#buckets.get(object.bucket);
    if (bucket === undefined)
      throw new Error(`The journal puts an object into bucket "${object.bucket}", which is gone`);
    this.#segments.hold(object.segments);
    const before = bucket.objects.get(object.name);
    bucket.objects.set(object.name, object);
    if (before === undefined) bucket.index.add(object.name);
    else this.#forget(before);
    if (object.upload === undefined) return;
    this.#finished.set(object.upload, object);
    this.#closeUpload(object.upload);
  }

  #deleteObject(bucketName: string, name: string): void {
    const bucket = this.#buckets.get(bucketName);
    const object = bucket?.objects.get(name);
    if (bucket === undefined || object === undefined) return;
    bucket.objects.delete(name);
    bucket.index.remove(name);
    this.#forget(object);
  }

  #forget(object: ObjectRecord): void {
    this.#segments.release(object.segments);
    const { upload } = object;
    if (upload !== undefined && this.#finished.get(upload) === object) this.#finished.delete(upload);
  }

  #closeUpload(id: string): void {
    if (this.#uploads.delete(id)) this.#segments.release([{ id }]);
  }
}
