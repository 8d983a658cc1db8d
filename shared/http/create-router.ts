import type { RouteConfig, RouteHandler } from "@hono/zod-openapi";
import { type Context, Hono, type MiddlewareHandler, type ValidationTargets } from "hono";
import { validator } from "hono/validator";
import { z } from "zod";
import { errorReply, toFieldFaults } from "../contract/validation.ts";
import type { AppEnv, CallerEnv } from "./app-env.ts";
import { InvalidRequest } from "./respond-error.ts";

const PARTS = { json: "body", form: "body", param: "path", query: "query", header: "header" } as const;
type Target = keyof typeof PARTS & keyof ValidationTargets;

/** The routes that a description tells of, each by the handler that serves it wherever it was mounted. */
const described = new WeakMap<object, RouteConfig>();

/** Says what a route takes and answers, in OpenAPI's words; the types of its handler follow from it. */
export const createRoute = <Path extends string, Route extends Omit<RouteConfig, "path"> & { path: Path }>(
  route: Route,
): Route => route;

/**
 * A router whose validators refuse in FastAPI's words. It takes the routes of @hono/zod-openapi without that library:
 * loading it costs as much as everything else that a function needs at its start, and only a description needs it.
 */
export class Router<Env extends AppEnv> extends Hono<Env> {
  openapi<Route extends RouteConfig>(route: Route, handler: RouteHandler<Route, Env>): this {
    described.set(handler, route);
    const { middleware = [] } = route;
    const before = [middleware, validatorsOf(route)].flat();
    const path = route.path.replaceAll(/\/{(.+?)}/g, "/:$1");
    this.on([route.method], [path], ...before, handler);
    return this;
  }

  /** Serves the description of all routes that were added until somebody asks for it. */
  doc31(path: string, document: { openapi: string; info: { title: string; version: string } }): this {
    this.get(path, async (c) => {
      const { OpenAPIHono } = await import("@hono/zod-openapi");
      const { openAPIRegistry, getOpenAPI31Document } = new OpenAPIHono();
      for (const { handler, path: mounted } of this.routes) {
        const route = described.get(handler);
        if (route === undefined) continue;
        openAPIRegistry.registerPath({ ...route, path: mounted.replaceAll(/\/:([^/]+)/g, "/{$1}") });
      }
      return c.json(getOpenAPI31Document(document));
    });
    return this;
  }
}

export const createRouter = <Env extends AppEnv = CallerEnv>() => new Router<Env>();

function validatorsOf({ request = {} }: RouteConfig): MiddlewareHandler[] {
  const validators: MiddlewareHandler[] = [];
  if (isSchema(request.query)) validators.push(validate("query", request.query));
  if (isSchema(request.params)) validators.push(validate("param", request.params));
  if (isSchema(request.headers)) validators.push(validate("header", request.headers));
  for (const [mediaType, content] of Object.entries(request.body?.content ?? {})) {
    const schema = content !== undefined && "schema" in content ? content.schema : undefined;
    if (!isSchema(schema)) continue;
    validators.push(requireType(mediaType), validate(mediaType === "application/json" ? "json" : "form", schema));
  }
  return validators;
}

const isSchema = (schema: unknown): schema is z.ZodType => schema instanceof z.ZodType;

function validate(target: Target, schema: z.ZodType): MiddlewareHandler {
  return validator(target, (received: unknown) => {
    const parsed = schema.safeParse(received);
    if (!parsed.success) throw new InvalidRequest(toFieldFaults(parsed.error, received, PARTS[target]));
    return parsed.data;
  });
}

/** Refuses a body of another type than the one declared. */
function requireType(mediaType: string): MiddlewareHandler {
  return async (c: Context, next) => {
    const given = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (given !== mediaType && (given !== undefined || c.req.raw.body !== null)) {
      const input = mediaType === "application/json" ? "JSON" : mediaType;
      throw new InvalidRequest([{ loc: ["body"], msg: `Input should be ${input}`, type: "dict_type" }]);
    }
    await next();
  };
}

/** A route's `responses` entry for a JSON body. */
export const jsonReply = <T>(schema: T, description: string) => ({
  content: { "application/json": { schema } },
  description,
});

/** A route's `request.body` for a JSON body that must be there. */
export const jsonBody = <T>(schema: T) => ({ content: { "application/json": { schema } }, required: true });

/** The refusals that any route may answer with. */
export const refusals = { "4XX": jsonReply(errorReply, "Refused") };
