import type { OpenAPIHono, RouteConfig, RouteHandler } from "@hono/zod-openapi";
import { type Context, Hono, type MiddlewareHandler, type ValidationTargets } from "hono";
import { validator } from "hono/validator";
import { z } from "zod";
import { errorReply, type FieldFault, toFieldFaults } from "../contract/validation.ts";
import type { AppEnv, CallerEnv } from "./app-env.ts";
import { InvalidRequest } from "./respond-error.ts";

const PARTS = { json: "body", form: "body", param: "path", query: "query", header: "header" } as const;
type Target = keyof typeof PARTS & keyof ValidationTargets;

/** The routes that a description tells of, each by the handler that serves it wherever it was mounted. */
const described = new WeakMap<object, RouteConfig>();

type ApiDocument = Parameters<OpenAPIHono["getOpenAPI31Document"]>[0];
type Components = NonNullable<ReturnType<OpenAPIHono["getOpenAPI31Document"]>["components"]>;

interface Description {
  /** What a path's operations say besides what their routes do. */
  describe?: (path: string) => Pick<RouteConfig, "tags" | "security">;
  securitySchemes?: Components["securitySchemes"];
}

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
    // One handler may serve several routes.
    const served = handler.bind(null);
    described.set(served, route);
    const { middleware = [] } = route;
    const before = [middleware, validatorsOf(route)].flat();
    const path = route.path.replaceAll(/\/{(.+?)}/g, "/:$1");
    this.on([route.method], [path], ...before, served);
    return this;
  }

  /** Serves the description of all routes that were added until somebody asks for it. */
  doc31(path: string, document: ApiDocument, { describe = () => ({}), securitySchemes = {} }: Description = {}): this {
    this.get(path, async (c) => {
      const { OpenAPIHono } = await import("@hono/zod-openapi");
      const { openAPIRegistry, getOpenAPI31Document } = new OpenAPIHono();
      for (const [name, scheme] of Object.entries(securitySchemes)) {
        openAPIRegistry.registerComponent("securitySchemes", name, scheme);
      }
      for (const { handler, path: mounted } of this.routes) {
        const route = described.get(handler);
        if (route === undefined) continue;
        const path = mounted.replaceAll(/\/:([^/]+)/g, "/{$1}");
        openAPIRegistry.registerPath({ ...describe(path), ...route, path });
      }
      return c.body(JSON.stringify(getOpenAPI31Document(document), withoutFlags), 200, {
        "content-type": "application/json",
      });
    });
    return this;
  }
}

/** Leaves out patterns whose flags JSON Schema has no word for; the generator writes them as if they were text. */
const withoutFlags = (key: string, value: unknown) =>
  key === "pattern" && typeof value === "string" && /[^\\]\/[a-z]+$/.test(value) ? undefined : value;

/** Unless it is `strict`, an app of its own takes each path with and without a slash at its end. */
export const createRouter = <Env extends AppEnv = CallerEnv>({ strict = true }: { strict?: boolean } = {}) =>
  new Router<Env>({ strict });

function validatorsOf({ request = {} }: RouteConfig): MiddlewareHandler[] {
  const validators: MiddlewareHandler[] = [];
  if (isSchema(request.query)) validators.push(validate("query", request.query));
  if (isSchema(request.params)) validators.push(validate("param", request.params));
  if (isSchema(request.headers)) validators.push(validate("header", request.headers));
  for (const [mediaType, content] of Object.entries(request.body?.content ?? {})) {
    const schema = content !== undefined && "schema" in content ? content.schema : undefined;
    if (!isSchema(schema)) continue;
    validators.push(
      requireType(mediaType, request.body?.required),
      validate(mediaType === "application/json" ? "json" : "form", schema),
    );
  }
  return validators;
}

const isSchema = (schema: unknown): schema is z.ZodType => schema instanceof z.ZodType;

function validate(target: Target, schema: z.ZodType): MiddlewareHandler {
  return validator(target, (received: unknown) => {
    const parsed = schema.safeParse(received);
    if (parsed.success) return parsed.data;
    const faults = toFieldFaults(parsed.error, received, PARTS[target]);
    throw new InvalidRequest(target === "json" ? faults : faults.map((fault) => tellRepeated(fault, received)));
  });
}

/** Forms and queries have no lists: what comes as one was given more than once. */
function tellRepeated(fault: FieldFault, received: unknown): FieldFault {
  const [, field = ""] = fault.loc;
  const isRepeated = typeof received === "object" && received !== null && Array.isArray(Reflect.get(received, field));
  return isRepeated ? { ...fault, msg: "Field given more than once", type: "repeated" } : fault;
}

/** Refuses a body of another type than the one declared; without a type there is none, where there need not be one. */
function requireType(mediaType: string, isRequired = false): MiddlewareHandler {
  return async (c: Context, next) => {
    const given = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
    // Deno makes a body of nothing, too.
    const isGiven = given !== undefined || (isRequired && c.req.raw.body !== null);
    if (given !== mediaType && isGiven) {
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

/** The refusals and failures that any route may answer with. */
export const refusals = {
  "4XX": jsonReply(errorReply, "Refused"),
  "5XX": jsonReply(errorReply, "Failed; where `retry-after` says so, the same may succeed later"),
};
