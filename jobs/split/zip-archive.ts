import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createInflateRaw } from "node:zlib";
import { crc32 } from "@node-rs/crc32";
import { type Entry, fromRandomAccessReaderPromise, getFileNameLowLevel, type ZipFile } from "yauzl";
import { JobFailure } from "../job-failure.ts";
import { type ByteSource, inflateHead, isZlibError, UNFINISHED } from "./byte-source.ts";
import { type DataObject, readObject } from "./data-object.ts";
import { requireInflation } from "./require-inflation.ts";
import { ZipReader } from "./zip-reader.ts";

export interface ZipMember {
  name: string;
  entry: Entry;
}

const STORED = 0;
const DEFLATED = 8;

/** A zip archive in the bucket, of which only what is asked for is read. */
export class ZipArchive {
  readonly name: string;
  readonly members: readonly ZipMember[];
  readonly #zip: ZipFile;
  readonly #object: DataObject;
  readonly #signal: AbortSignal;

  private constructor(name: string, object: DataObject, zip: ZipFile, members: ZipMember[], signal: AbortSignal) {
    this.name = name;
    this.members = members;
    this.#zip = zip;
    this.#object = object;
    this.#signal = signal;
  }

  /** Reads an archive's directory: all members but folders and what macOS puts beside them. */
  static async open(name: string, object: DataObject, signal: AbortSignal): Promise<ZipArchive> {
    try {
      // Names are only compared and shown: one that would be dangerous as a path is as good as any.
      const zip = await fromRandomAccessReaderPromise(new ZipReader(object, signal), object.size, {
        autoClose: false,
        decodeStrings: false,
      });
      const members: ZipMember[] = [];
      for await (const entry of zip.eachEntry()) {
        const member = { name: toName(entry), entry };
        if (!/\/$|(^|\/)(__MACOSX\/|\.[^./])/.test(member.name)) members.push(member);
      }
      return new ZipArchive(name, object, zip, members, signal);
    } catch (error) {
      throw toFailure(name, error);
    }
  }

  /** The bytes of a member, proven by the archive's own size and checksum of it. */
  async source({ name, entry }: ZipMember): Promise<ByteSource> {
    const { compressionMethod, compressedSize, uncompressedSize } = entry;
    const refuse = (why: string) =>
      new JobFailure("archive_unreadable", `Cannot read ${name} in ${this.name}: ${why}. Store it as a plain zip.`);
    if (entry.isEncrypted()) throw refuse("it is encrypted");
    if (compressionMethod !== STORED && compressionMethod !== DEFLATED)
      throw refuse(`its compression method ${compressionMethod} is not supported, only deflate is`);
    requireInflation(name, uncompressedSize, Math.max(compressedSize, 1));
    const { file, generation } = this.#object;
    const { fileDataStart } = await this.#locate(name, entry);
    const readStored = (start: number, end: number) =>
      readObject(this.#object, fileDataStart + start, fileDataStart + end, this.#signal);
    const headStored = (size: number) => buffer(readStored(0, Math.min(size, compressedSize)));
    const source = {
      name,
      identity: `gs://${file.bucket.name}/${file.name}#${generation}!${name}`,
      countedBytes: uncompressedSize,
      open: (onBytes: (count: number) => void) => this.#read(name, entry, onBytes),
    };
    if (compressionMethod === STORED)
      return { ...source, head: headStored, range: { byteLength: uncompressedSize, read: readStored } };
    const head = async (size: number) =>
      inflateHead(`${name} in ${this.name}`, await headStored(size), createInflateRaw(UNFINISHED), size);
    return { ...source, head };
  }

  async #locate(name: string, entry: Entry): Promise<{ fileDataStart: number }> {
    try {
      return await this.#zip.readLocalFileHeaderPromise(entry, { minimal: true });
    } catch (error) {
      this.#signal.throwIfAborted();
      throw toFailure(`${name} in ${this.name}`, error);
    }
  }

  async *#read(name: string, entry: Entry, onBytes: (count: number) => void): AsyncGenerator<Buffer> {
    let checksum = 0;
    try {
      const stream: Readable = await this.#zip.openReadStreamPromise(entry);
      for await (const chunk of stream) {
        checksum = crc32(chunk, checksum);
        onBytes(chunk.length);
        yield chunk;
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      throw toFailure(`${name} in ${this.name}`, error);
    }
    if (checksum >>> 0 !== entry.crc32 >>> 0)
      throw new JobFailure("archive_unreadable", `Cannot read ${name} in ${this.name}: its checksum is wrong.`);
  }
}

function toName({ generalPurposeBitFlag, fileNameRaw, extraFields }: Entry): string {
  return getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false).normalize();
}

/** What yauzl and zlib say is about the archive; anything else was said by whoever fetches its bytes. */
function toFailure(name: string, error: unknown): unknown {
  if (error instanceof JobFailure) return error;
  const isAboutArchive = isZlibError(error) || (error instanceof Error && error.name === "Error");
  if (!isAboutArchive) return error;
  const reason = error.message.replace(/\.$/, "");
  return new JobFailure("archive_unreadable", `Cannot read ${name}: ${reason}. Store it anew.`, { cause: error });
}
