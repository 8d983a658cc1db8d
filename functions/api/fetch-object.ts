import { CorralError } from "../../shared/errors.ts";

/** Reads an object by its signed URL; undefined when there is none. Whatever else goes wrong ends the request with 503. */
export async function fetchObject(url: string, method: "GET" | "HEAD" = "GET"): Promise<Response | undefined> {
  const stored = await fetch(url, { method }).catch(unavailable);
  if (stored.ok) return stored;
  const reason = await stored.text();
  return stored.status === 404 ? undefined : unavailable(`${stored.status} ${reason}`);
}

/** Ends a request for which the bucket did not do what was asked of it. */
export function unavailable(cause: unknown): never {
  throw new CorralError("storage_unavailable", "The bucket does not answer as it should. Try again.", { cause });
}
