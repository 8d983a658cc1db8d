import { encodeBase64 } from "../../shared/base64.ts";
import { ByteBudget } from "../../shared/byte-budget.ts";
import { parseGoogHash } from "../../shared/cloud/goog-hash.ts";
import type { SignUrl } from "../../shared/cloud/sign-url.ts";
import { CONTENT_TYPES } from "../../shared/content-types.ts";
import { fetchObject, unavailable } from "./fetch-object.ts";

const READ_SECONDS = 3600;
const UPLOAD_SECONDS = 3600;
/** For requests of our own. */
const OWN_SECONDS = 120;
/** Of contents that are being encoded, of a function's 256 MB. */
const MAX_READING_BYTES = 16 * 1024 * 1024;
/** What an artifact may hold. */
export const MAX_ARTIFACT_BYTES = 50 * 1024 * 1024;

const TYPES = {
  ...CONTENT_TYPES,
  text: "text/plain; charset=utf-8",
  pickle: "application/octet-stream",
  binary: "application/octet-stream",
};
export type ArtifactFormat = keyof typeof TYPES;

/** What the bucket says of an artifact's content. */
export interface StoredContent {
  size: number;
  crc32c: string;
}

export type ArtifactStore = ReturnType<typeof createArtifactStore>;

/** Where the contents of artifacts lie. A content is written once: whoever holds an upload's URL cannot replace it. */
export function createArtifactStore({ sign }: { sign: SignUrl }) {
  const reading = new ByteBudget(MAX_READING_BYTES);
  return {
    /** Stores a content that came along. */
    async put(object: string, content: Uint8Array<ArrayBuffer>, format: ArtifactFormat): Promise<StoredContent> {
      const headers = { "content-type": TYPES[format], "x-goog-if-generation-match": "0" };
      const url = await sign({ method: "PUT", object, lifetimeSeconds: OWN_SECONDS, headers });
      const stored = await fetch(url, { method: "PUT", headers, body: content }).catch(unavailable);
      const reason = await stored.text();
      if (!stored.ok) unavailable(reason);
      return { size: content.length, crc32c: readCrc32c(stored) };
    },

    /** Where a client may put a content of his own, of exactly so many bytes or as many as an artifact may hold. */
    async openUpload(object: string, { contentType, size }: { contentType: string; size: number | null }) {
      const headers = {
        "content-type": contentType,
        "x-goog-content-length-range": size === null ? `0,${MAX_ARTIFACT_BYTES}` : `${size},${size}`,
        "x-goog-if-generation-match": "0",
      };
      const expiresAt = new Date(Date.now() + UPLOAD_SECONDS * 1000);
      const url = await sign({ method: "PUT", object, lifetimeSeconds: UPLOAD_SECONDS, headers });
      return { url, headers, expiresAt };
    },

    /** What lies under a name, or undefined when nothing does. */
    async find(object: string): Promise<StoredContent | undefined> {
      const url = await sign({ method: "HEAD", object, lifetimeSeconds: OWN_SECONDS });
      const found = await fetchObject(url, "HEAD");
      if (found === undefined) return undefined;
      const size = found.headers.get("x-goog-stored-content-length") ?? unavailable("The bucket told no size");
      return { size: Number(size), crc32c: readCrc32c(found) };
    },

    /** A URL to read a content with, under the artifact's name. */
    signRead: (object: string, { name, format }: { name: string; format: ArtifactFormat }) =>
      sign({
        method: "GET",
        object,
        lifetimeSeconds: READ_SECONDS,
        query: {
          "response-content-disposition": contentDisposition(name),
          "response-content-type": TYPES[format],
        },
      }),

    /** The content in base64; of many, some after the others. */
    async readBase64(object: string, size: number): Promise<string> {
      const release = await reading.take(size);
      try {
        const url = await sign({ method: "GET", object, lifetimeSeconds: OWN_SECONDS });
        const stored = (await fetchObject(url)) ?? unavailable(`${object} is not there`);
        return encodeBase64(new Uint8Array(await stored.arrayBuffer()));
      } finally {
        release();
      }
    },

    /** Deletes a content; one that the bucket does not delete now is left to the cleanup job. */
    async remove(object: string): Promise<void> {
      const url = await sign({ method: "DELETE", object, lifetimeSeconds: OWN_SECONDS });
      const reply = await fetch(url, { method: "DELETE" }).catch(() => undefined);
      await reply?.body?.cancel();
    },

    contentTypeOf: (format: ArtifactFormat) => TYPES[format],
  };
}

function readCrc32c(reply: Response): string {
  const { crc32c } = parseGoogHash(reply.headers.get("x-goog-hash") ?? undefined);
  return crc32c ?? unavailable("The bucket told no CRC32C");
}

/** A file's name in a header: as ASCII for old readers, and whole (RFC 6266). */
function contentDisposition(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\]/g, "_");
  const whole = encodeURIComponent(name).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${whole}`;
}
