import { gsUrl, parseGsUrl, toKeptUrl } from "../../shared/cloud/object-url.ts";
import { type AllowedHosts, whyNotPublic } from "../../shared/cloud/public-url.ts";
import type { SignUrl } from "../../shared/cloud/sign-url.ts";
import type { StoredFiles } from "../../shared/db/jobs.ts";
import { CorralError } from "../../shared/errors.ts";

/** How long whoever reads a reply can read the files that it names. */
const READ_SECONDS = 24 * 3600;
const WRITE_SECONDS = 600;
/** How long a client has to begin an upload of his own. */
const UPLOAD_SECONDS = 6 * 3600;

export interface JobFilesOptions {
  bucket: string;
  /** Another address than Google's. */
  endpoint?: string | undefined;
  sign: SignUrl;
  allowedHosts: AllowedHosts;
}

/** What a client uploads for a job. */
export interface UploadedFiles {
  code: File;
  requirements: File;
  data: File;
}

export type JobFiles = ReturnType<typeof createJobFiles>;

/** Where a job's own files lie, and which others it may name. */
export function createJobFiles({ bucket, endpoint, sign, allowedHosts }: JobFilesOptions) {
  async function put(object: string, file: File): Promise<string> {
    const headers = { "content-type": file.type || "application/octet-stream" };
    const url = await sign({ method: "PUT", object, lifetimeSeconds: WRITE_SECONDS, headers });
    const stored = await fetch(url, { method: "PUT", headers, body: file }).catch(notStored);
    const reason = await stored.text();
    return stored.ok ? gsUrl({ bucket, object }) : notStored(reason);
  }

  return {
    /**
     * A URL as a job keeps it: `gs://` for an object of the bucket, however it was named, and any other if it is public.
     * The field is named to whoever gave another.
     */
    admit(field: string, url: string): string {
      const kept = toKeptUrl(url, { bucket, endpoint });
      const named = parseGsUrl(kept);
      if (named?.bucket === bucket) return kept;
      if (named !== undefined) {
        throw new CorralError("url_not_yours", `${field} names an object of bucket ${named.bucket}, which is not ours`);
      }
      const reason = whyNotPublic(kept, allowedHosts);
      if (reason !== undefined) throw new CorralError("address_not_public", `${field} ${reason}`);
      return kept;
    },

    /** Stores what a client uploaded under the names that agents expect. */
    async store(job: number, { code, requirements, data }: UploadedFiles): Promise<StoredFiles> {
      const folder = `jobs/${job}`;
      const [codeUrl, requirementsUrl, dataUrl] = await Promise.all([
        put(`${folder}/code/train${extensionOf(code.name, CODE) ?? ".py"}`, code),
        put(`${folder}/requirements/requirements.txt`, requirements),
        // Of a name that says nothing, none is made that does: what the data is its content tells.
        put(`${folder}/data/data${extensionOf(data.name, DATA) ?? ""}`, data),
      ]);
      return { codeUrl, requirementsUrl, dataUrl };
    },

    /** Where a client may put a file of any size, straight into the bucket, for a job that he is going to make. */
    async openUpload(folder: string, filename: string, contentType: string) {
      const object = `${folder}/${crypto.randomUUID()}/${filename}`;
      const headers = { "content-type": contentType };
      const expiresAt = new Date(Date.now() + UPLOAD_SECONDS * 1000);
      const url = await sign({ method: "PUT", object, lifetimeSeconds: UPLOAD_SECONDS, headers });
      return { url, headers, objectUrl: gsUrl({ bucket, object }), expiresAt };
    },

    /** A URL of a job that its reader can read: signed for an object of the bucket, else as it is. */
    async toReadable(url: string | null): Promise<string | null> {
      const named = url === null ? undefined : parseGsUrl(url);
      if (named?.bucket !== bucket) return url;
      return sign({ method: "GET", object: named.object, lifetimeSeconds: READ_SECONDS });
    },

    /** A result as replies show it: to be read, and the object's lasting name. */
    async toResult(url: string | null) {
      const object = url !== null && parseGsUrl(url) !== undefined ? url : null;
      return { final_result_url: await this.toReadable(url), final_result_object: object };
    },
  };
}

function notStored(cause: unknown): never {
  throw new CorralError("storage_unavailable", "The bucket did not take the files. Try again.", { cause });
}

const CODE = /\.(py|mjs|js)$/i;
const DATA = /\.(csv|tsv|tab|jsonl|ndjson|parquet|pq|zip|json|txt)(\.gz)?$/i;

/** The end of a file's name that says what it is, in lower case. */
function extensionOf(name: string, known: RegExp): string | undefined {
  return known.exec(name)?.[0].toLowerCase();
}
