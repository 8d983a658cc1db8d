import type { Bucket } from "@google-cloud/storage";
import { gsUrl, parseGsUrl } from "../../shared/cloud/object-url.ts";
import type { AllowedHosts } from "../../shared/cloud/public-url.ts";
import { describeUrl } from "../fetch-public.ts";
import { JobFailure } from "../job-failure.ts";
import { type Content, detectContent, HEAD_BYTES } from "../tabular/detect-content.ts";
import { type ByteSource, gunzipSource, objectSource, type RangedSource } from "./byte-source.ts";
import { chooseMember } from "./choose-member.ts";
import { type DataObject, findObject } from "./data-object.ts";
import { openDownload } from "./download.ts";
import type { JobObjects } from "./job-objects.ts";
import { ParquetTable } from "./parquet-table.ts";
import { type StagedObject, stageObject } from "./stage-object.ts";
import type { Table } from "./table.ts";
import { TextTable } from "./text-table.ts";
import { ZipArchive } from "./zip-archive.ts";

export interface OpenTableOptions {
  bucket: Bucket;
  /** For what cannot be read where it lies. */
  objects: JobObjects;
  /** An object of the bucket, or a public URL. */
  dataUrl: string;
  /** The member of an archive; null for the largest table. */
  dataFile: string | null;
  allowed: AllowedHosts;
  watch: FetchWatch;
  signal: AbortSignal;
}

/** Told how far bytes are that have to be brought into the bucket before they can be split. */
export interface FetchWatch {
  onFetch(name: string, totalBytes: number | undefined): void;
  onBytes(count: number): void;
}

/** Finds the table that a job's data is or holds: as it is, in an archive, or gzipped. */
export async function openTable(options: OpenTableOptions): Promise<Table> {
  const { title, object } = await findData(options);
  let opened = await look(objectSource(title, object, options.signal));
  if (opened.content === "zip") opened = await look(await openMember(title, object, options));
  if (opened.content === "gzip") opened = await look(gunzipSource(opened.source));
  return toTable(opened, options);
}

interface Opened {
  source: ByteSource;
  head: Buffer;
  content: Content;
}

async function look(source: ByteSource): Promise<Opened> {
  const head = await source.head(HEAD_BYTES);
  return { source, head, content: detectContent(source.name, head) };
}

async function findData({ bucket, objects, dataUrl, allowed, watch, signal }: OpenTableOptions): Promise<StagedObject> {
  const named = parseGsUrl(dataUrl);
  if (named?.bucket === bucket.name) {
    const object = await findObject(bucket, named.object);
    if (object === undefined) throw new JobFailure("data_not_found", `There is no object ${dataUrl}.`);
    return { title: dataUrl.split("/").at(-1) ?? dataUrl, object };
  }
  if (named !== undefined) {
    const message = `${dataUrl} is not in ${gsUrl({ bucket: bucket.name, object: "" })}, the only bucket that jobs read.`;
    throw new JobFailure("data_unreachable", message);
  }
  const fetch = async () => {
    const { name, totalBytes, bytes } = await openDownload({ url: dataUrl, allowed, signal });
    watch.onFetch(describeUrl(dataUrl), totalBytes);
    return { title: name, bytes: counted(bytes, watch) };
  };
  return stageObject({ bucket, name: objects.source, identity: dataUrl, fetch, signal });
}

async function openMember(title: string, object: DataObject, options: OpenTableOptions): Promise<ByteSource> {
  const archive = await ZipArchive.open(title, object, options.signal);
  return archive.source(chooseMember(archive, options.dataFile));
}

async function toTable({ source, head, content }: Opened, options: OpenTableOptions): Promise<Table> {
  switch (content) {
    case "csv":
    case "tsv":
    case "jsonl":
      return new TextTable(source, content, head);
    case "parquet":
      return ParquetTable.open(await toRanged(source, options));
    case "empty":
      throw new JobFailure("data_empty", `Cannot split ${source.name}: it is empty.`);
    case "utf-16":
      throw new JobFailure("data_not_utf8", `Cannot split ${source.name}: it is UTF-16. Save it as UTF-8.`);
    default:
      throw new JobFailure("data_format_unknown", `Cannot split ${source.name}: ${describe(content)}.`);
  }
}

/** Parquet is read from its end: what can only be inflated from its start has to lie inflated in the bucket first. */
async function toRanged(
  source: ByteSource,
  { bucket, objects, watch, signal }: OpenTableOptions,
): Promise<RangedSource> {
  const { name, identity, countedBytes, range } = source;
  if (range !== undefined) return { ...source, range };
  const fetch = async () => {
    watch.onFetch(name, countedBytes);
    return { title: name, bytes: source.open((count) => watch.onBytes(count)) };
  };
  const { object } = await stageObject({ bucket, name: objects.member, identity, fetch, signal });
  return objectSource(name, object, signal);
}

function describe(content: Content): string {
  if (content === "html") return "it is a web page. Give the URL of the file itself";
  if (content === "json") return "it is one JSON value. Write one JSON object per line";
  if (content === "zip") return "it is an archive inside an archive. Unpack it";
  return "it is neither CSV, TSV, JSONL nor Parquet";
}

async function* counted(bytes: AsyncIterable<Buffer>, watch: FetchWatch): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    watch.onBytes(chunk.length);
    yield chunk;
  }
}
