import type { Bucket, File } from "@google-cloud/storage";
import { deleteObjects } from "../run-folder.ts";
import { callStorage } from "../storage-failure.ts";

const PAGE_SIZE = 1000;

/**
 * What a folder holds already, compared name by name in ascending order with what it is to hold: however many chunks
 * there are, a page of them is in memory. What nobody asks for is deleted.
 */
export class StoredChunks {
  readonly #bucket: Bucket;
  readonly #folder: string;
  #page: File[] = [];
  #token: string | null | undefined;

  constructor(bucket: Bucket, folder: string) {
    this.#bucket = bucket;
    this.#folder = folder;
  }

  /** The object of that name, if there is one. Names must come in ascending order. */
  async take(name: string): Promise<File | undefined> {
    for (;;) {
      const [first] = this.#page;
      if (first === undefined) {
        if (!(await this.#turn())) return undefined;
        continue;
      }
      if (first.name === name) return this.#page.shift();
      if (first.name > name) return undefined;
      await this.#drop((file) => file.name < name);
    }
  }

  /** Deletes everything that comes after the last name. */
  async dropRest(): Promise<void> {
    do await this.#drop(() => true);
    while (await this.#turn());
  }

  async #drop(isStray: (file: File) => boolean): Promise<void> {
    const strays = this.#page.filter(isStray);
    this.#page = this.#page.slice(strays.length);
    await callStorage(this.#bucket, () => deleteObjects(strays));
  }

  async #turn(): Promise<boolean> {
    if (this.#token === null) return false;
    const query = { prefix: this.#folder, autoPaginate: false, maxResults: PAGE_SIZE };
    const pageToken = this.#token;
    const [files, next] = await callStorage(this.#bucket, () =>
      this.#bucket.getFiles(pageToken === undefined ? query : { ...query, pageToken }),
    );
    this.#page = files;
    this.#token = next !== null && "pageToken" in next ? String(next.pageToken) : null;
    return true;
  }
}
