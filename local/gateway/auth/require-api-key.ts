import { createMiddleware } from "hono/factory";
import type { VerifyToken } from "../tokens.ts";

const KEY_ROLES = new Set<unknown>(["anon", "service_role"]);

/** Refuses what carries no API key of the project, in the words of the hosted gateway. */
export function requireApiKey(verify: VerifyToken) {
  return createMiddleware(async (c, next) => {
    const key = c.req.header("apikey") ?? c.req.query("apikey");
    if (!key) {
      return c.json(
        { message: "No API key found in request", hint: "No `apikey` request header or url param was found." },
        401,
      );
    }
    if (!(await isApiKey(key, verify))) {
      return c.json(
        { message: "Invalid API key", hint: "Double check your Supabase `anon` or `service_role` API key." },
        401,
      );
    }
    await next();
  });
}

async function isApiKey(key: string, verify: VerifyToken): Promise<boolean> {
  try {
    return KEY_ROLES.has((await verify(key)).role);
  } catch {
    return false;
  }
}
