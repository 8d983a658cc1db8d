import { crc32 } from "@node-rs/crc32";
import { buildArchive } from "./archive.ts";
import type { Content } from "./content.ts";

/** What a catalogue says of a dataset; counts default to those of something nobody has noticed yet. */
export interface DatasetSpec {
  /** `owner/slug`. */
  ref: string;
  title: string;
  subtitle?: string;
  description?: string;
  tags?: string[];
  /** As Kaggle lists it: `CC0: Public Domain`. */
  licenseName?: string;
  ownerName?: string;
  downloadCount?: number;
  voteCount?: number;
  viewCount?: number;
  kernelCount?: number;
  topicCount?: number;
  /** 0 to 1. */
  usabilityRating?: number;
  isFeatured?: boolean;
  /** Seen by its owner only; others are told that they may not. */
  isPrivate?: boolean;
  /** Oldest first. */
  versions: VersionSpec[];
}

export interface VersionSpec {
  creationDate: string;
  notes: string;
  files: FileSpec[];
  /** The bundle itself, where it is not the zip of the files. */
  archive?: Content;
}

export interface FileSpec {
  name: string;
  read(): Promise<Content>;
}

export interface DatasetVersion extends Omit<VersionSpec, "archive" | "creationDate"> {
  number: number;
  id: number;
  creationDate: Date;
  /** The whole version as one zip, built once. */
  archive(): Promise<Content>;
}

export interface Dataset extends Required<Omit<DatasetSpec, "versions">> {
  id: number;
  ownerSlug: string;
  slug: string;
  versions: DatasetVersion[];
  current: DatasetVersion;
  lastViewed: Date | undefined;
}

/** Fills in what a spec leaves out; throws on a ref or versions that Kaggle could not have. */
export function toDataset(spec: DatasetSpec): Dataset {
  const [ownerSlug = "", slug = "", ...rest] = spec.ref.split("/");
  if (ownerSlug === "" || slug === "" || rest.length > 0) throw new Error(`"${spec.ref}" is no owner/slug.`);
  const id = idOf(spec.ref);
  const versions = spec.versions.map((version, index) => toVersion(version, index + 1, idOf(`${spec.ref}@${index}`)));
  const current = versions.at(-1);
  if (current === undefined) throw new Error(`Dataset ${spec.ref} has no version.`);
  return {
    subtitle: "",
    description: "",
    tags: [],
    licenseName: "Unknown",
    ownerName: ownerSlug,
    downloadCount: 0,
    voteCount: 0,
    viewCount: 0,
    kernelCount: 0,
    topicCount: 0,
    usabilityRating: 0.25,
    isFeatured: false,
    isPrivate: false,
    ...spec,
    id,
    ownerSlug,
    slug,
    versions,
    current,
    lastViewed: undefined,
  };
}

function toVersion(spec: VersionSpec, number: number, id: number): DatasetVersion {
  let archive: Promise<Content> | undefined;
  const creationDate = new Date(spec.creationDate);
  return {
    number,
    id,
    creationDate,
    notes: spec.notes,
    files: spec.files,
    archive() {
      archive ??= spec.archive ? Promise.resolve(spec.archive) : buildArchive(spec.files, creationDate);
      return archive;
    },
  };
}

function idOf(text: string): number {
  return 10_000 + (crc32(text) % 9_000_000);
}
