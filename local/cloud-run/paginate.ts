import { ApiError } from "./api-error.ts";

const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 500;

/** One page of a list, by `pageSize` and `pageToken`; tokens name the last item given, so that items may come and go. */
export function paginate<T extends { name: string }>(items: T[], query: URLSearchParams) {
  const asked = Number(query.get("pageSize") ?? 0);
  if (!Number.isInteger(asked) || asked < 0) throw new ApiError("INVALID_ARGUMENT", "page_size must be at least 0.");
  const size = Math.min(asked || DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
  const token = query.get("pageToken");
  const start = token ? items.findIndex((item) => encode(item.name) === token) + 1 : 0;
  if (token && start === 0) throw new ApiError("INVALID_ARGUMENT", "page_token is invalid.");
  const page = items.slice(start, start + size);
  const last = page.at(-1);
  const nextPageToken = last && start + size < items.length ? encode(last.name) : undefined;
  return { page, nextPageToken };
}

const encode = (name: string) => Buffer.from(name).toString("base64url");
