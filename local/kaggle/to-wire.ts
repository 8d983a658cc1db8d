import { extname } from "node:path";
import type { Dataset, DatasetVersion, FileSpec } from "./dataset.ts";

/** Kaggle's short names of licences, as metadata spells them. */
const LICENSE_NAMES: Record<string, string> = {
  "CC0: Public Domain": "CC0-1.0",
  "Attribution 4.0 International (CC BY 4.0)": "CC-BY-4.0",
  "CC BY-NC-SA 4.0": "CC-BY-NC-SA-4.0",
  "CC BY-SA 4.0": "CC-BY-SA-4.0",
  "Database: Open Database, Contents: Database Contents": "DbCL-1.0",
  "U.S. Government Works": "US-Government-Works",
  "Other (specified in description)": "other",
  Unknown: "unknown",
};
const SITE = "https://www.kaggle.com";

/** A dataset as a list shows it. */
export async function toListedDataset(dataset: Dataset) {
  const { size } = await dataset.current.archive();
  return {
    id: dataset.id,
    ref: dataset.ref,
    title: dataset.title,
    subtitle: dataset.subtitle,
    creatorName: dataset.ownerName,
    creatorUrl: dataset.ownerSlug,
    totalBytes: size,
    url: `${SITE}/datasets/${dataset.ref}`,
    lastUpdated: dataset.current.creationDate.toISOString(),
    downloadCount: dataset.downloadCount,
    voteCount: dataset.voteCount,
    viewCount: dataset.viewCount,
    kernelCount: dataset.kernelCount,
    topicCount: dataset.topicCount,
    isPrivate: dataset.isPrivate,
    isFeatured: dataset.isFeatured,
    licenseName: dataset.licenseName,
    ownerName: dataset.ownerName,
    ownerRef: dataset.ownerSlug,
    currentVersionNumber: dataset.current.number,
    usabilityRating: dataset.usabilityRating,
    tags: dataset.tags.map((tag) => ({ ref: tag, name: tag, fullPath: `subject > ${tag}` })),
    thumbnailImageUrl: `${SITE}/static/images/dataset-thumbnail.png`,
  };
}

/** A dataset with all that its own page shows: description, files and versions. */
export async function toViewedDataset(dataset: Dataset) {
  return {
    ...(await toListedDataset(dataset)),
    description: dataset.description,
    files: await Promise.all(dataset.current.files.map((file) => toListedFile(dataset, dataset.current, file))),
    versions: dataset.versions.toReversed().map((version) => ({
      versionNumber: version.number,
      creationDate: version.creationDate.toISOString(),
      creatorName: dataset.ownerName,
      creatorRef: dataset.ownerSlug,
      versionNotes: version.notes,
      status: "Ready",
    })),
  };
}

export async function toListedFile(dataset: Dataset, version: DatasetVersion, file: FileSpec) {
  const { size } = await file.read();
  return {
    ref: file.name,
    datasetRef: dataset.ref,
    ownerRef: dataset.ownerSlug,
    name: file.name,
    creationDate: version.creationDate.toISOString(),
    fileType: extname(file.name),
    url: `${SITE}/datasets/${dataset.ref}?select=${encodeURIComponent(file.name)}`,
    totalBytes: size,
  };
}

export async function toTreeFile(dataset: Dataset, version: DatasetVersion, file: FileSpec) {
  const { size } = await file.read();
  return {
    name: file.name.split("/").at(-1),
    creationDate: version.creationDate.toISOString(),
    totalBytes: size,
    relativeUrl: `/datasets/${dataset.ref}/${file.name}`,
  };
}

/** What `dataset-metadata.json` holds. */
export async function toMetadata(dataset: Dataset) {
  return {
    datasetId: dataset.id,
    datasetSlug: dataset.slug,
    ownerUser: dataset.ownerSlug,
    title: dataset.title,
    subtitle: dataset.subtitle,
    description: dataset.description,
    usabilityRating: dataset.usabilityRating,
    totalViews: dataset.viewCount,
    totalVotes: dataset.voteCount,
    totalDownloads: dataset.downloadCount,
    isPrivate: dataset.isPrivate,
    keywords: dataset.tags,
    licenses: [{ name: LICENSE_NAMES[dataset.licenseName] ?? dataset.licenseName }],
    collaborators: [],
    data: await Promise.all(
      dataset.current.files.map(async ({ name, read }) => ({ name, totalBytes: (await read()).size })),
    ),
  };
}
