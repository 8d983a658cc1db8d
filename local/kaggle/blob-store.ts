import { buildArchive } from "./archive.ts";
import type { Content } from "./content.ts";
import type { Dataset, DatasetVersion } from "./dataset.ts";

/** An object of Kaggle's bucket, as its signed URL shows it. */
export interface Blob {
  ref: string;
  fileName: string;
  contentType: string;
  lastModified: Date;
  generation: number;
  content: Content;
}

/** Larger text files come zipped unless asked for raw. */
const ZIPPED_FROM_BYTES = 1024 * 1024;

/** The objects that downloads were issued for; what was never asked for does not exist. */
export class BlobStore {
  readonly #blobs = new Map<string, Blob>();

  find(path: string): Blob | undefined {
    return this.#blobs.get(decodeURIComponent(path));
  }

  /** Resolves to the path of a version's bundle. */
  async putBundle(dataset: Dataset, version: DatasetVersion): Promise<string> {
    const path = `/kaggle-data-sets/${dataset.id}/${version.id}/bundle/archive.zip`;
    const content = await version.archive();
    return this.#put(path, { ...identify(dataset, version), contentType: "application/zip", content });
  }

  /** Resolves to the path of one file, or of its zip; undefined when the version has no such file. */
  async putFile(
    dataset: Dataset,
    version: DatasetVersion,
    name: string,
    { raw }: { raw: boolean },
  ): Promise<string | undefined> {
    const file = version.files.find((one) => one.name === name);
    if (file === undefined) return undefined;
    const content = await file.read();
    const identity = identify(dataset, version);
    if (raw || content.size < ZIPPED_FROM_BYTES || !/\.(csv|tsv|json|geojson)$/.test(name))
      return this.#put(`/kagglesdsdata/datasets/${dataset.id}/${version.id}/${name}`, {
        ...identity,
        contentType: "application/octet-stream",
        content,
      });
    const baseName = name.split("/").at(-1) ?? name;
    const zip = await buildArchive([{ name: baseName, read: file.read }], version.creationDate);
    return this.#put(`/kaggle-data-sets/${dataset.id}/${version.id}/compressed/${name}.zip`, {
      ...identity,
      contentType: "application/zip",
      content: zip,
    });
  }

  #put(path: string, blob: Omit<Blob, "fileName">): string {
    if (!this.#blobs.has(path)) this.#blobs.set(path, { ...blob, fileName: path.split("/").at(-1) ?? "" });
    return path.split("/").map(encodeURIComponent).join("/");
  }
}

/** Cloud Storage numbers generations in microseconds. */
function identify(dataset: Dataset, version: DatasetVersion) {
  return { ref: dataset.ref, lastModified: version.creationDate, generation: version.creationDate.getTime() * 1000 };
}
