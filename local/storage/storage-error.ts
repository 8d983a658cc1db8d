/** A refusal, in the terms of both APIs: HTTP status, the JSON API's reason and the XML API's code. */
export class StorageError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly xmlCode: string;
  /** Further elements of the XML body. */
  readonly details: Record<string, string>;

  constructor(status: number, reason: string, xmlCode: string, message: string, details: Record<string, string> = {}) {
    super(message);
    this.name = "StorageError";
    this.status = status;
    this.reason = reason;
    this.xmlCode = xmlCode;
    this.details = details;
  }
}

export const invalid = (message: string) => new StorageError(400, "invalid", "InvalidArgument", message);

export const notFound = (message: string) => new StorageError(404, "notFound", "NoSuchKey", message);

export const noSuchBucket = () =>
  new StorageError(404, "notFound", "NoSuchBucket", "The specified bucket does not exist.");

export const noSuchObject = (bucket: string, name: string) => notFound(`No such object: ${bucket}/${name}`);

export const conflict = (message: string) => new StorageError(409, "conflict", "BucketNotEmpty", message);

export const accessDenied = (message: string) => new StorageError(403, "forbidden", "AccessDenied", message);

export const preconditionFailed = () =>
  new StorageError(
    412,
    "conditionNotMet",
    "PreconditionFailed",
    "At least one of the pre-conditions you specified did not hold.",
  );

export const notModified = () => new StorageError(304, "notModified", "NotModified", "Not Modified");

export const notImplemented = (what: string) =>
  new StorageError(501, "notImplemented", "NotImplemented", `The local Cloud Storage does not know ${what}.`);

/** The JSON API's error body. */
export function toJsonError(error: StorageError): string {
  const { status, message, reason } = error;
  return JSON.stringify({ error: { code: status, message, errors: [{ message, domain: "global", reason }] } });
}

/** The XML API's error body. */
export function toXmlError({ xmlCode, message, details }: StorageError): string {
  const elements = Object.entries({ Code: xmlCode, Message: message, ...details });
  const inner = elements.map(([name, text]) => `<${name}>${escapeXml(text)}</${name}>`).join("");
  return `<?xml version='1.0' encoding='UTF-8'?><Error>${inner}</Error>`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
