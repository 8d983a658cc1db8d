import { z } from "zod";
import { ApiError, type Dialect } from "./api-error.ts";

const text = z.string().default("");
const count = z.coerce.number().int().nonnegative();
/** `votes`, `DATASET_SORT_BY_VOTES`; Kaggle's clients send either. */
const enumName = (prefix: string) =>
  z.string().transform((name) => name.toUpperCase().replace(new RegExp(`^${prefix}_`), ""));
const named = { ownerSlug: z.string().min(1), datasetSlug: z.string().min(1) };
const version = { datasetVersionNumber: count.positive().optional() };
const paging = { pageToken: text, pageSize: count.positive().max(200).default(20) };

const sortOrder = z.enum([
  "HOTTEST",
  "VOTES",
  "UPDATED",
  "ACTIVE",
  "PUBLISHED",
  "RELEVANCE",
  "LAST_VIEWED",
  "USABILITY",
  "DOWNLOAD_COUNT",
  "NOTEBOOK_COUNT",
]);
export type SortOrder = z.infer<typeof sortOrder>;

const listQuery = z.object({
  group: enumName("DATASET_SELECTION_GROUP").default("PUBLIC"),
  sortBy: enumName("DATASET_SORT_BY").pipe(sortOrder).default("HOTTEST"),
  fileType: enumName("DATASET_FILE_TYPE_GROUP").default("ALL"),
  license: enumName("DATASET_LICENSE_GROUP").default("ALL"),
  tagIds: text,
  search: text,
  user: text,
  minSize: count.optional(),
  maxSize: count.optional(),
  page: count.positive().default(1),
  ...paging,
});
export type ListQuery = z.infer<typeof listQuery>;

const apiCall = z.discriminatedUnion("operation", [
  z.object({ operation: z.literal("list"), query: listQuery }),
  z.object({ operation: z.literal("view"), query: z.object(named) }),
  z.object({ operation: z.literal("files"), query: z.object({ ...named, ...version, ...paging }) }),
  z.object({ operation: z.literal("tree"), query: z.object({ ...named, ...version, ...paging, path: text }) }),
  z.object({ operation: z.literal("metadata"), query: z.object(named) }),
  z.object({ operation: z.literal("status"), query: z.object(named) }),
  z.object({
    operation: z.literal("download"),
    query: z.object({ ...named, ...version, fileName: text, raw: z.boolean().or(z.stringbool()).default(false) }),
  }),
  z.object({ operation: z.literal("introspect"), query: z.object({ token: text }) }),
]);
/** One call of the API, whichever way it came. */
export type ApiCall = z.infer<typeof apiCall>;
type ApiOperation = ApiCall["operation"];

const RPC: Record<string, ApiOperation> = {
  "datasets.DatasetApiService/ListDatasets": "list",
  "datasets.DatasetApiService/GetDataset": "view",
  "datasets.DatasetApiService/ListDatasetFiles": "files",
  "datasets.DatasetApiService/ListTreeDatasetFiles": "tree",
  "datasets.DatasetApiService/GetDatasetMetadata": "metadata",
  "datasets.DatasetApiService/GetDatasetStatus": "status",
  "datasets.DatasetApiService/DownloadDataset": "download",
  "datasets.DatasetApiService/DownloadDatasetRaw": "download",
  "security.OAuthService/IntrospectToken": "introspect",
};
const REST: Record<string, ApiOperation> = {
  view: "view",
  list: "files",
  "list-tree": "tree",
  metadata: "metadata",
  status: "status",
  download: "download",
  "download-raw": "download",
};
const OLD_NAMES: Record<string, string> = {
  filetype: "fileType",
  tagids: "tagIds",
  dataset_version_number: "datasetVersionNumber",
  file_name: "fileName",
};

export interface Route {
  operation: ApiOperation;
  dialect: Dialect;
  params: Record<string, unknown>;
}

/** Finds what a path asks for: RPC by POST (`/v1/<service>/<Method>`), REST by GET (`/api/v1/datasets/…`). */
export function findRoute(method: string, url: URL, body: Record<string, unknown>): Route | undefined {
  const path = /^\/(?:api\/)?v1\/(.+)$/.exec(url.pathname)?.[1];
  if (path === undefined) return undefined;
  const rpc = RPC[path];
  if (rpc !== undefined && method === "POST") {
    const raw = path.endsWith("Raw") ? { raw: true } : {};
    return { operation: rpc, dialect: "api", params: { ...body, ...raw } };
  }
  if (method !== "GET") return undefined;
  const params = Object.fromEntries([...url.searchParams].map(([name, value]) => [OLD_NAMES[name] ?? name, value]));
  if (path === "datasets/list") return { operation: "list", dialect: "www", params };
  const [, verb = "", ownerSlug, datasetSlug, file] =
    /^datasets\/([^/]+)\/([^/]+)\/([^/]+)(?:\/(.+))?$/.exec(path) ?? [];
  const operation = REST[verb];
  if (operation === undefined || (file !== undefined && operation !== "download")) return undefined;
  const fileName = file === undefined ? {} : { fileName: decodeURIComponent(file) };
  const raw = verb === "download-raw" ? { raw: true } : {};
  return { operation, dialect: "www", params: { ...params, ...fileName, ...raw, ownerSlug, datasetSlug } };
}

/** Reads a route's parameters; empty and zero ones count as left out, as in protobuf. Throws a 400. */
export function parseCall({ operation, params }: Route): ApiCall {
  const query = Object.fromEntries(
    Object.entries(params).filter(([, value]) => !["", "0", 0, null].some((unset) => unset === value)),
  );
  const parsed = apiCall.safeParse({ operation, query });
  if (!parsed.success) throw new ApiError(400, `Invalid request: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
