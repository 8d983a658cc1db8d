import { get, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";

/** One dataset as the API lists it, as far as tests look at it. */
export interface Listed {
  ref: string;
  totalBytes: number;
  voteCount: number;
  downloadCount: number;
  usabilityRating: number;
  kernelCount: number;
  lastUpdated: string;
  licenseName: string;
  currentVersionNumber: number;
}

export interface Page {
  datasets: Listed[];
  nextPageToken: string;
}

/** Calls the RPC of the datasets service without following its redirect. */
export function callRpc(
  url: string,
  method: string,
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/v1/datasets.DatasetApiService/${method}`, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

export async function listPage(url: string, query: Record<string, unknown>): Promise<Page> {
  const reply = await callRpc(url, "ListDatasets", query);
  if (!reply.ok) throw new Error(`ListDatasets answered ${reply.status}: ${await reply.text()}`);
  return reply.json();
}

export async function listRefs(url: string, query: Record<string, unknown>): Promise<string[]> {
  return (await listPage(url, query)).datasets.map(({ ref }) => ref);
}

/** Resolves to the signed URL of a bundle, or of one of its files. */
export async function requestDownload(url: string, ref: string, more: Record<string, unknown> = {}): Promise<string> {
  const [ownerSlug, datasetSlug] = ref.split("/");
  const reply = await callRpc(url, "DownloadDataset", { ownerSlug, datasetSlug, ...more });
  const location = reply.headers.get("location");
  if (reply.status !== 302 || location === null) throw new Error(`DownloadDataset answered ${reply.status}`);
  return location;
}

export function getBlob(url: string, range?: string): Promise<Response> {
  return fetch(url, { headers: range === undefined ? {} : { range } });
}

export async function readBlob(url: string, range?: string): Promise<Buffer> {
  return Buffer.from(await (await getBlob(url, range)).arrayBuffer());
}

/** Reads until the end, or until the connection breaks. */
export async function readUntilBroken(url: string): Promise<{ bytes: number; error: string | undefined }> {
  const reply = await new Promise<IncomingMessage>((resolve, reject) => get(url, resolve).on("error", reject));
  let bytes = 0;
  reply.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const error = await buffer(reply).then(
    () => undefined,
    (cause: NodeJS.ErrnoException) => cause.code,
  );
  return { bytes, error };
}
