import type { IncomingMessage } from "node:http";
import type { UploadRange } from "./byte-range.ts";
import type { Md5Hasher } from "./md5-hasher.ts";
import type { ObjectRecord, UploadRecord } from "./records.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { invalid, notFound } from "./storage-error.ts";
import { checkHashes, type Store } from "./store.ts";

/** All but the last request of an upload bring a multiple of this. */
const CHUNK_MULTIPLE = 256 * 1024;

export type UploadProgress = { done: ObjectRecord } | { persisted: number };

type BytesRange = Extract<UploadRange, { kind: "bytes" }>;

interface Session {
  writer: SegmentWriter | undefined;
  /** Ends when the request that is writing now has settled. */
  turn: Promise<unknown>;
  current: IncomingMessage | undefined;
}

/**
 * Resumable uploads: what arrived of a request that broke off is kept, across restarts too. A client that comes back has
 * given up on its earlier connection, so that one is cut and gives way.
 */
export class ResumableUploads {
  readonly #store: Store;
  readonly #hasher: Md5Hasher | undefined;
  readonly #sessions = new Map<string, Session>();

  constructor(store: Store, hasher: Md5Hasher | undefined) {
    this.#store = store;
    this.#hasher = hasher;
  }

  /** Takes one request of an upload; resolves to the object if that was the last. */
  put(id: string, range: UploadRange, request: IncomingMessage, body: AsyncIterable<Buffer>): Promise<UploadProgress> {
    return this.#inTurn(id, request, async (session) => {
      const done = this.#store.finishedUpload(id);
      if (done !== undefined) return { done };
      const upload = this.#find(id);
      const writer = await this.#writer(id, session);
      if (range.kind === "query") {
        return range.total === writer.size ? this.#finish(upload, session) : { persisted: writer.size };
      }
      const isLast = await this.#append(session, writer, range, body);
      if (!isLast) return { persisted: writer.size };
      return this.#finish(upload, session);
    });
  }

  /** Forgets an upload with what it stored. */
  cancel(id: string, request: IncomingMessage): Promise<void> {
    return this.#inTurn(id, request, async (session) => {
      this.#find(id);
      await session.writer?.abandon();
      session.writer = undefined;
      await this.#store.closeUpload(id);
    });
  }

  /** Closes files; uploads can go on after the next start. */
  async close(): Promise<void> {
    for (const { writer, turn } of this.#sessions.values()) {
      await turn.catch(() => undefined);
      await writer?.abandon();
    }
    this.#sessions.clear();
  }

  #find(id: string): UploadRecord {
    const upload = this.#store.upload(id);
    if (upload === undefined) throw notFound("No such upload session; it was finished, cancelled or has expired.");
    return upload;
  }

  async #inTurn<T>(id: string, request: IncomingMessage, work: (session: Session) => Promise<T>): Promise<T> {
    const session = this.#sessions.get(id) ?? { writer: undefined, turn: Promise.resolve(), current: undefined };
    this.#sessions.set(id, session);
    session.current?.destroy();
    session.current = request;
    const result = session.turn.catch(() => undefined).then(() => work(session));
    session.turn = result;
    try {
      return await result;
    } finally {
      if (session.current === request) session.current = undefined;
      const isOver = this.#store.upload(id) === undefined && session.turn === result;
      if (isOver) this.#sessions.delete(id);
    }
  }

  async #writer(id: string, session: Session): Promise<SegmentWriter> {
    session.writer ??= await SegmentWriter.open(this.#store.segments, this.#hasher, id);
    return session.writer;
  }

  /** Resolves to whether the object is complete with this request. */
  async #append(
    session: Session,
    writer: SegmentWriter,
    { start, end, total }: BytesRange,
    body: AsyncIterable<Buffer>,
  ): Promise<boolean> {
    const isOpenEnded = end === undefined;
    const isLast = isOpenEnded || end === total;
    if (start > writer.size) throw invalid(`The request starts at byte ${start}, but only ${writer.size} are stored.`);
    if (!isLast && (end - start) % CHUNK_MULTIPLE !== 0) throw chunkSizeRefused(end - start);
    let position = start;
    try {
      for await (const chunk of body) {
        // Bytes that are stored already are sent again when a reply was lost.
        const fresh = chunk.subarray(Math.max(writer.size - position, 0));
        position += chunk.length;
        if (end !== undefined && position > end) throw wrongLength(position - start, end - start);
        if (fresh.length > 0) await writer.write(fresh);
      }
      await writer.flush();
    } catch (error) {
      await this.#keep(session, writer);
      throw error;
    }
    if (end !== undefined && position !== end) throw wrongLength(position - start, end - start);
    return isLast && (total === undefined || writer.size === total);
  }

  /** After a failure: bytes in the file stay; if it cannot be written, the writer goes and is opened afresh. */
  async #keep(session: Session, writer: SegmentWriter): Promise<void> {
    try {
      await writer.flush();
    } catch {
      session.writer = undefined;
      await writer.abandon();
    }
  }

  async #finish(upload: UploadRecord, session: Session): Promise<UploadProgress> {
    const { id, bucket, name, settings, preconditions, expected, length } = upload;
    const writer = await this.#writer(id, session);
    session.writer = undefined;
    try {
      const { size, crc32c, md5Hash } = await writer.finish();
      if (length !== undefined && length !== size) throw wrongLength(size, length);
      checkHashes(expected, { crc32c, md5Hash });
      const segments = [{ id, size }];
      const object = { bucket, name, settings, preconditions, size, crc32c, md5Hash, segments, upload: id };
      return { done: await this.#store.putObject(object) };
    } catch (error) {
      await this.#store.closeUpload(id);
      throw error;
    }
  }
}

function chunkSizeRefused(bytes: number): Error {
  return invalid(
    `Invalid request. The number of bytes uploaded is required to be a multiple of ${CHUNK_MULTIPLE}, except for the final request. The received request contained ${bytes} bytes, which does not meet this requirement.`,
  );
}

function wrongLength(received: number, expected: number): Error {
  return invalid(
    `Invalid request. There were ${received} byte(s) in the request body. There should have been ${expected} byte(s).`,
  );
}
