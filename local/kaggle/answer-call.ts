import { ApiError, notFound, unauthorized } from "./api-error.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Dataset, DatasetVersion } from "./dataset.ts";
import { type Fault, findFault } from "./faults.ts";
import type { KaggleSite } from "./kaggle-site.ts";
import type { ApiCall, ListQuery } from "./parse-call.ts";
import { isVisible, searchDatasets } from "./search-datasets.ts";
import { THREE_DAYS_IN_SECONDS } from "./signed-url.ts";
import { toListedDataset, toListedFile, toMetadata, toTreeFile, toViewedDataset } from "./to-wire.ts";

type AnswerDeps = Pick<KaggleSite, "catalogue" | "accounts" | "blobs" | "signer">;

export type Answer = { json: unknown; bare?: unknown } | { redirect: URL };

export interface Caller {
  username: string | undefined;
  faults: Fault[];
}

/** Kaggle stops after this page (Kaggle/kaggle-cli issue 222). */
const LAST_PAGE = 500;

/** Answers one call; `bare` is what REST sends in place of the RPC's object. Throws an ApiError. */
export async function answerCall(call: ApiCall, caller: Caller, deps: AnswerDeps): Promise<Answer> {
  if (call.operation === "introspect") {
    const username = deps.accounts.ownerOf(call.query.token);
    return { json: username === undefined ? { active: false } : { active: true, username } };
  }
  if (call.operation === "list") return listDatasets(call.query, caller, deps);
  const dataset = findDataset(call.query, caller, deps.catalogue);
  switch (call.operation) {
    case "view":
      dataset.lastViewed = new Date();
      return { json: await toViewedDataset(dataset) };
    case "metadata":
      return { json: { info: await toMetadata(dataset) } };
    case "status":
      return { json: { status: "READY" }, bare: "ready" };
    case "files": {
      const version = findVersion(dataset, call.query.datasetVersionNumber);
      const { items, nextPageToken } = takePage(version.files, call.query);
      const datasetFiles = await Promise.all(items.map((file) => toListedFile(dataset, version, file)));
      return { json: { datasetFiles, nextPageToken } };
    }
    case "tree":
      return { json: await listFolder(dataset, call.query) };
    case "download":
      return { redirect: await issueUrl(dataset, call.query, caller, deps) };
  }
}

async function listDatasets(query: ListQuery, { username }: Caller, { catalogue }: AnswerDeps): Promise<Answer> {
  if (query.group.startsWith("MY") && username === undefined) throw unauthorized();
  if (query.minSize !== undefined && query.maxSize !== undefined && query.minSize > query.maxSize)
    throw new ApiError(400, "minSize must not be greater than maxSize");
  const found = await searchDatasets(catalogue.all(), query, username);
  const { items, nextPageToken } = takePage(found, query);
  const datasets = await Promise.all(items.map(toListedDataset));
  return { json: { datasets, nextPageToken }, bare: datasets };
}

async function listFolder(dataset: Dataset, query: Extract<ApiCall, { operation: "tree" }>["query"]) {
  const version = findVersion(dataset, query.datasetVersionNumber);
  const folder = query.path.replace(/^\/+|\/+$/g, "");
  const prefix = folder === "" ? "" : `${folder}/`;
  const below = version.files.filter(({ name }) => name.startsWith(prefix));
  if (below.length === 0) throw notFound();
  const rest = (name: string) => name.slice(prefix.length);
  const folders = new Set(
    below.filter(({ name }) => rest(name).includes("/")).map(({ name }) => rest(name).split("/")[0]),
  );
  const { items, nextPageToken } = takePage(
    below.filter(({ name }) => !rest(name).includes("/")),
    query,
  );
  return {
    directories: [...folders].map((name) => ({ name, relativeUrl: `/datasets/${dataset.ref}/${prefix}${name}` })),
    files: await Promise.all(items.map((file) => toTreeFile(dataset, version, file))),
    totalFiles: version.files.length,
    nextPageToken,
  };
}

async function issueUrl(
  dataset: Dataset,
  { datasetVersionNumber, fileName, raw }: Extract<ApiCall, { operation: "download" }>["query"],
  { faults }: Caller,
  { blobs, signer }: AnswerDeps,
): Promise<URL> {
  const version = findVersion(dataset, datasetVersionNumber);
  const path =
    fileName === ""
      ? await blobs.putBundle(dataset, version)
      : await blobs.putFile(dataset, version, fileName, { raw });
  if (path === undefined) throw notFound();
  return signer.sign(path, findFault(faults, "expiring_url")?.seconds ?? THREE_DAYS_IN_SECONDS);
}

function findDataset(
  { ownerSlug, datasetSlug }: { ownerSlug: string; datasetSlug: string },
  { username }: Caller,
  catalogue: Catalogue,
): Dataset {
  const dataset = catalogue.find(ownerSlug, datasetSlug);
  if (dataset === undefined) throw notFound();
  if (!isVisible(dataset, username)) throw new ApiError(403, `Permission 'datasets.get' was denied`);
  return dataset;
}

function findVersion(dataset: Dataset, number = dataset.current.number): DatasetVersion {
  const version = dataset.versions[number - 1];
  if (version === undefined) throw notFound();
  return version;
}

interface Paging {
  page?: number;
  pageToken: string;
  pageSize: number;
}

/** One page by number, or the one that a token of ours names. */
function takePage<T>(all: T[], { page = 1, pageToken, pageSize }: Paging): { items: T[]; nextPageToken: string } {
  const start = pageToken === "" ? (page - 1) * pageSize : parseToken(pageToken);
  if (start >= LAST_PAGE * pageSize) return { items: [], nextPageToken: "" };
  const end = start + pageSize;
  const nextPageToken = end < all.length ? Buffer.from(`start:${end}`).toString("base64") : "";
  return { items: all.slice(start, end), nextPageToken };
}

function parseToken(pageToken: string): number {
  const start = /^start:(\d+)$/.exec(Buffer.from(pageToken, "base64").toString())?.[1];
  if (start === undefined) throw new ApiError(400, "Invalid page token");
  return Number(start);
}
