import { invalid } from "./storage-error.ts";

const MAX_BYTES = 1024;

/** Throws 400 for what cannot name an object: https://cloud.google.com/storage/docs/objects#naming */
export function checkObjectName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0) throw invalid("Required parameter: name");
  if (bytes > MAX_BYTES) throw invalid(`The object name is ${bytes} bytes long; the maximum is ${MAX_BYTES}.`);
  const isForbidden = name === "." || name === ".." || name.startsWith(".well-known/acme-challenge/");
  if (isForbidden || /[\r\n]/.test(name) || !isWellFormed(name)) throw invalid(`Invalid object name: '${name}'`);
}

/** Half a surrogate pair has no UTF-8. */
function isWellFormed(name: string): boolean {
  return Buffer.from(name).toString() === name;
}
