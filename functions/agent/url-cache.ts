import { MAX_LIFETIME_SECONDS } from "../../shared/cloud/sign-url.ts";

const MAX_URLS = 2000;

interface Kept {
  url: Promise<string>;
  /** In milliseconds since 1970; from then on it is signed anew. */
  freshUntil: number;
}

/**
 * Keeps signed URLs, the newest ones, so that the files which all tasks of a job share are signed once in a while and
 * not with each claim. Each is good for at least the seconds that are needed, or half of the longest that a URL lives.
 */
export function createUrlCache(sign: (object: string, lifetimeSeconds: number) => Promise<string>) {
  const kept = new Map<string, Kept>();
  return (object: string, neededSeconds: number): Promise<string> => {
    const key = `${neededSeconds} ${object}`;
    const known = kept.get(key);
    if (known !== undefined && Date.now() < known.freshUntil) return known.url;

    const lifetime = Math.min(2 * neededSeconds, MAX_LIFETIME_SECONDS);
    const url = sign(object, lifetime);
    kept.delete(key);
    kept.set(key, { url, freshUntil: Date.now() + (lifetime / 2) * 1000 });
    url.catch(() => kept.delete(key));
    const [oldest] = kept.keys();
    if (kept.size > MAX_URLS && oldest !== undefined) kept.delete(oldest);
    return url;
  };
}
