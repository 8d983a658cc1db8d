import { createMiddleware } from "hono/factory";
import { ByteBudget } from "../byte-budget.ts";

/**
 * Lets only so many bytes of bodies be in memory at once, of which a function has 256 MB and a form takes all of itself:
 * large ones go one after the other.
 */
export function holdMemory(totalBytes: number) {
  const budget = new ByteBudget(totalBytes);
  return createMiddleware(async (c, next) => {
    const release = await budget.take(Number(c.req.header("content-length") ?? totalBytes));
    try {
      await next();
    } finally {
      release();
    }
  });
}
