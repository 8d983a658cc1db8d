import { storableText } from "./storable.ts";

const MAX_LENGTH = 4096;
const NO_URL = { error: "Input should be an https URL, or one of an object in the bucket" };

/** A URL that may name a file: of the web, or `gs://`. Whether it may be read is another question. */
export const fileUrl = storableText(MAX_LENGTH).refine(isFileUrl, NO_URL);

/** The same of a file that there need not be: empty where there is none. */
export const fileUrlOrEmpty = storableText(MAX_LENGTH, 0).refine((text) => text === "" || isFileUrl(text), NO_URL);

function isFileUrl(text: string): boolean {
  return (/^https?:\/\//i.test(text) || text.startsWith("gs://")) && URL.canParse(text);
}
