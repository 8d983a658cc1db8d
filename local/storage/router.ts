import type { Call } from "./call.ts";
import { invalid } from "./storage-error.ts";

export type Handler = (call: Call) => Promise<void> | void;

interface Route {
  method: string;
  segments: string[];
  handler: Handler;
}

export interface Match {
  handler: Handler;
  params: Record<string, string>;
}

/** Matches the segments of a path, each decoded by itself: an object's name may hold any character, also `%2F`. */
export class Router {
  readonly #routes: Route[] = [];

  /** Adds a route such as `GET /b/:bucket/o/:object`; of several that match, the first wins. */
  on(pattern: string, handler: Handler): this {
    const [method = "", path = ""] = pattern.split(" ");
    this.#routes.push({ method, segments: path.split("/"), handler });
    return this;
  }

  find(method: string, rawPath: string): Match | undefined {
    const parts = rawPath.split("/");
    for (const route of this.#routes) {
      if (route.method !== method || route.segments.length !== parts.length) continue;
      const matches = route.segments.every((segment, at) =>
        segment.startsWith(":") ? parts[at] : segment === parts[at],
      );
      if (!matches) continue;
      const params = route.segments.flatMap((segment, at) =>
        segment.startsWith(":") ? [[segment.slice(1), decodeSegment(parts[at] ?? "")] as const] : [],
      );
      return { handler: route.handler, params: Object.fromEntries(params) };
    }
    return undefined;
  }
}

export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw invalid(`Invalid percent-encoding in the path: "${segment}".`);
  }
}
