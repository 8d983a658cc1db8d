import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { AppEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import { prepareApp } from "../../../shared/http/prepare-app.ts";

const cow = z
  .object({ name: z.string().regex(/^\p{L}+$/u), brand: z.string().regex(/^[a-z]\/[a-z]$/) })
  .meta({ id: "Cow" });
const routeAt = (path: "/herd" | "/cattle", operationId: string) =>
  createRoute({
    method: "post",
    path,
    operationId,
    request: { body: jsonBody(cow) },
    responses: { 200: jsonReply(cow, "The cow"), ...refusals },
  });

function createApp(strict: boolean) {
  const app = createRouter<AppEnv>({ strict });
  const [herd, cattle] = [routeAt("/herd", "addToHerd"), routeAt("/cattle", "addToCattle")];
  app.route(
    "/api",
    createRouter<AppEnv>().openapi(herd, (c) => c.json(c.req.valid("json"), 200)),
  );
  app.route(
    "/api",
    createRouter<AppEnv>().openapi(cattle, (c) => c.json(c.req.valid("json"), 200)),
  );
  app.doc31(
    "/api/openapi.json",
    { openapi: "3.1.0", info: { title: "Cattle", version: "1" } },
    {
      describe: (path) => ({ tags: [path.slice("/api/".length)], security: [{ brand: [] }] }),
      securitySchemes: { brand: { type: "http", scheme: "bearer" } },
    },
  );
  return app;
}

test.for([
  [true, 404],
  [false, 200],
] as const)("a path with a slash at its end is another one: %s", async ([strict, status]) => {
  const body = JSON.stringify({ name: "Berta", brand: "a/b" });
  const init = { method: "POST", body, headers: { "content-type": "application/json" } };
  expect((await createApp(strict).request("/api/herd", init)).status).toBe(200);
  expect((await createApp(strict).request("/api/herd/", init)).status).toBe(status);
});

describe("a form", () => {
  const form = z.object({ name: z.string(), file: z.instanceof(File) });
  const route = createRoute({
    method: "post",
    path: "/herd",
    request: { body: { content: { "multipart/form-data": { schema: form } }, required: true } },
    responses: refusals,
  });
  const app = createRouter<AppEnv>();
  prepareApp(app);
  app.openapi(route, (): never => {
    throw new Error("Nobody calls it well");
  });
  const faultsOf = async (init: RequestInit) => {
    const reply = await app.request("/herd", { method: "POST", ...init });
    expect(reply.status).toBe(422);
    return (await reply.json()).detail;
  };

  test("that cannot be read is told so, and not that it is no JSON", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    const msg = "The form cannot be read: its parts are not as its content type announces them";
    expect(await faultsOf({ headers, body: "name=Berta" })).toEqual([{ loc: ["body"], msg, type: "form_invalid" }]);
  });

  test("with a field that comes twice is told so", async () => {
    const body = new FormData();
    for (const name of ["Berta", "Alma"]) {
      body.append("name", name);
      body.append("file", new File([name], name));
    }
    const [msg, type] = ["Field given more than once", "repeated"];
    expect(await faultsOf({ body })).toEqual(["name", "file"].map((field) => ({ loc: ["body", field], msg, type })));
  });
});

describe("a description", () => {
  test("tells what every path says of itself, and what is said of them all", async () => {
    const { paths, components } = await (await createApp(true).request("/api/openapi.json")).json();
    const common = { security: [{ brand: [] }], responses: { 200: REFERENCE } };
    expect(paths).toMatchObject({
      "/api/herd": { post: { ...common, operationId: "addToHerd", tags: ["herd"] } },
      "/api/cattle": { post: { ...common, operationId: "addToCattle", tags: ["cattle"] } },
    });
    expect(components.securitySchemes).toEqual({ brand: { type: "http", scheme: "bearer" } });
  });
  const REFERENCE = { content: { "application/json": { schema: { $ref: "#/components/schemas/Cow" } } } };

  test("has patterns only where they mean the same without their flags", async () => {
    const { components } = await (await createApp(true).request("/api/openapi.json")).json();
    expect(components.schemas.Cow.properties).toEqual({
      name: { type: "string" },
      brand: { type: "string", pattern: "^[a-z]\\/[a-z]$" },
    });
  });

  test("tells of each route by itself, even where several have one handler", async () => {
    const app = createRouter<AppEnv>();
    const route = (path: string) =>
      createRoute({ method: "get", path, operationId: `get${path.slice(1)}`, responses: refusals });
    const handler = (): never => {
      throw new Error("Nobody calls it");
    };
    app.openapi(route("/herd"), handler).openapi(route("/cattle"), handler);
    app.doc31("/openapi.json", { openapi: "3.1.0", info: { title: "Cattle", version: "1" } });
    const { paths } = await (await app.request("/openapi.json")).json();
    expect(paths).toMatchObject({
      "/herd": { get: { operationId: "getherd" } },
      "/cattle": { get: { operationId: "getcattle" } },
    });
  });
});
