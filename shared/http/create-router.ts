import { OpenAPIHono } from "@hono/zod-openapi";
import { errorReply, toFieldFaults } from "../contract/validation.ts";
import type { CallerEnv } from "./app-env.ts";
import { InvalidRequest } from "./respond-error.ts";

const PARTS = {
  json: "body",
  form: "body",
  param: "path",
  query: "query",
  header: "header",
  cookie: "cookie",
} as const;

/** A router whose validators refuse in FastAPI's words. */
export const createRouter = () =>
  new OpenAPIHono<CallerEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const received: unknown = "data" in result ? result.data : undefined;
      throw new InvalidRequest(toFieldFaults(result.error, received, PARTS[result.target]));
    },
  });

/** A route's `responses` entry for a JSON body. */
export const jsonReply = <T>(schema: T, description: string) => ({
  content: { "application/json": { schema } },
  description,
});

/** A route's `request.body` for a JSON body that must be there. */
export const jsonBody = <T>(schema: T) => ({ content: { "application/json": { schema } }, required: true });

/** The refusals that any route may answer with. */
export const refusals = { "4XX": jsonReply(errorReply, "Refused") };
