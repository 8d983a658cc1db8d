import type { MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { CorralError, toError } from "../../../shared/errors.ts";
import type { AppEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply } from "../../../shared/http/create-router.ts";
import { prepareApp, refuseOtherMethods } from "../../../shared/http/prepare-app.ts";

const route = createRoute({
  method: "post",
  path: "/herd/{id}",
  request: {
    params: z.object({ id: z.guid() }),
    body: jsonBody(z.object({ name: z.string().min(1), count: z.int(), tags: z.array(z.string()).optional() })),
  },
  responses: { 200: jsonReply(z.object({ name: z.string() }), "ok") },
});
const app = createRouter();
prepareApp(app);
app.route(
  "/api",
  createRouter().openapi(route, (c) => c.json({ name: c.req.valid("json").name }, 200)),
);
app.get("/api/broken", () => {
  throw new Error("the password is hunter2");
});
app.get("/api/teapot", () => {
  throw new HTTPException(418, { message: "Short" });
});
app.get("/api/refusing", () => {
  throw new CorralError("project_not_found");
});
app.get("/api/waiting/:code?", (c) => {
  throw toError({ code: c.req.param("code") ?? "", message: "the password is hunter2" });
});
app.get("/api/limited", () => {
  throw new CorralError("rate_limited", undefined, { retryAfterSeconds: 7 });
});
refuseOtherMethods(app);

const ID = "00000000-0000-0000-0000-000000000001";
const JSON_TYPE = { "content-type": "application/json" };

async function call(path: string, init: RequestInit = {}) {
  const reply = await app.request(path, init);
  return { status: reply.status, headers: reply.headers, body: await reply.json() };
}
const post = (body: string, headers: HeadersInit = JSON_TYPE, id = ID) =>
  call(`/api/herd/${id}`, { method: "POST", headers, body });

describe("a request that does not fit is answered 422 with", () => {
  test.for<[string, string, object]>([
    ["the field that is missing", '{"count":1}', { loc: ["body", "name"], msg: "Field required", type: "missing" }],
    [
      "the type that was meant",
      '{"name":7,"count":1}',
      { loc: ["body", "name"], msg: "Input should be a valid string", type: "string_type" },
    ],
    [
      "the least length",
      '{"name":"","count":1}',
      { loc: ["body", "name"], msg: "String should have at least 1 character", type: "string_too_short" },
    ],
    [
      "the index in a list",
      '{"name":"a","count":1,"tags":["x",2]}',
      { loc: ["body", "tags", 1], msg: "Input should be a valid string", type: "string_type" },
    ],
    ["a word about JSON that is none", '{"name":', { loc: ["body"], msg: "JSON decode error", type: "json_invalid" }],
  ])("%s", async ([, body, fault]) => {
    const reply = await post(body);
    expect(reply.status).toBe(422);
    expect(reply.body).toEqual({
      detail: [fault],
      code: "invalid_request",
      request_id: reply.headers.get("x-request-id"),
    });
  });

  test("every fault at once", async () => {
    const { body } = await post("{}");
    expect(body.detail.map((fault: { loc: string[] }) => fault.loc)).toEqual([
      ["body", "name"],
      ["body", "count"],
    ]);
  });

  test("the place in the path", async () => {
    const { status, body } = await post('{"name":"a","count":1}', JSON_TYPE, "nonsense");
    expect(status).toBe(422);
    expect(body.detail).toEqual([{ loc: ["path", "id"], msg: "Input should be a valid UUID", type: "uuid_parsing" }]);
  });

  test("a body that is not called JSON", async () => {
    expect((await post('{"name":"a","count":1}', { "content-type": "text/plain" })).status).toBe(422);
    expect((await call(`/api/herd/${ID}`, { method: "POST" })).status).toBe(422);
  });
});

test("a body beyond a mebibyte is answered 413", async () => {
  const { status, body } = await post(JSON.stringify({ name: "a".repeat(1024 * 1024), count: 1 }));
  expect(status).toBe(413);
  expect(body.code).toBe("body_too_large");
});

test("an unknown path is answered 404, and a method that a path lacks 405 with those that it has", async () => {
  const unknown = await call("/api/nowhere");
  expect(unknown).toMatchObject({ status: 404, body: { detail: "Not Found", code: "not_found" } });
  const wrong = await call(`/api/herd/${ID}`, { method: "PUT" });
  expect(wrong).toMatchObject({ status: 405, body: { detail: "Method Not Allowed", code: "method_not_allowed" } });
  expect(wrong.headers.get("allow")).toBe("POST");
});

test("a refusal of the framework's own keeps its status", async () => {
  expect(await call("/api/teapot")).toMatchObject({ status: 418, body: { detail: "Short", code: "http_error" } });
});

test("a refusal carries its code and status", async () => {
  expect(await call("/api/refusing")).toMatchObject({
    status: 404,
    body: { detail: "Project not found", code: "project_not_found" },
  });
});

test("a refusal says when to come back, where whoever refuses knows", async () => {
  const reply = await call("/api/limited");
  expect(reply).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  expect(reply.headers.get("retry-after")).toBe("7");
});

test("what is to be first sees every request with its id, and how it was answered", async () => {
  const seen: unknown[] = [];
  const watched = createRouter<AppEnv>();
  const watch: MiddlewareHandler<AppEnv> = async (c, next) => {
    const { requestId } = c.var;
    await next();
    seen.push([requestId, c.res.status, c.var.errorCode]);
  };
  prepareApp(watched, [], [watch]);
  watched.post("/herd", (c) => c.json({}));
  const send = (path: string, body: string, id: string) =>
    watched.request(path, { method: "POST", body, headers: { "x-request-id": id } });
  await send("/herd", "{}", "good");
  await send("/nowhere", "{}", "lost");
  await send("/herd", "a".repeat(2 * 1024 * 1024), "large");
  expect(seen).toEqual([
    ["good", 200, undefined],
    ["lost", 404, "not_found"],
    ["large", 413, "body_too_large"],
  ]);
});

const logged = vi.spyOn(console, "error");
beforeEach(() => {
  logged.mockReset().mockImplementation(() => undefined);
});

describe("an unforeseen error", () => {
  test("is answered 500 without detail, and logged once with the request's id", async () => {
    const reply = await call("/api/broken", { headers: { "x-request-id": "req-1" } });
    expect(reply.status).toBe(500);
    expect(reply.body).toEqual({ detail: "Internal Server Error", code: "internal_error", request_id: "req-1" });
    expect(logged).toHaveBeenCalledTimes(1);
    expect(String(logged.mock.calls[0]?.[0])).toContain("req-1");
    expect(String(logged.mock.calls[0]?.[1])).toContain("hunter2");
  });
});

describe("a database that cannot be had", () => {
  test.for(["57014", "53300", "57P03", "PGRST000", "PGRST001", "PGRST002", "PGRST003", ""])(
    "is answered 503, to be asked again in a second: code %j",
    async (code) => {
      const reply = await call(`/api/waiting/${code}`.replace(/\/$/, ""));
      expect(reply).toMatchObject({
        status: 503,
        body: { detail: "The database does not answer in time", code: "database_unavailable" },
      });
      expect(reply.headers.get("retry-after")).toBe("1");
      expect(logged).toHaveBeenCalledTimes(1);
    },
  );

  test("is another thing than one that refuses", async () => {
    const reply = await call("/api/waiting/42883");
    expect(reply).toMatchObject({ status: 500, body: { code: "internal_error" } });
    expect(reply.headers.get("retry-after")).toBeNull();
  });
});

describe("a request id", () => {
  test("is the client's own when it is plausible", async () => {
    const reply = await call("/api/nowhere", { headers: { "x-request-id": "abc-123" } });
    expect(reply.headers.get("x-request-id")).toBe("abc-123");
    expect(reply.body.request_id).toBe("abc-123");
  });

  test("is made up otherwise", async () => {
    const reply = await call("/api/nowhere", { headers: { "x-request-id": "a b<script>" } });
    expect(reply.body.request_id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test("any origin may call, with any header it asks for", async () => {
  const preflight = await app.request(`/api/herd/${ID}`, {
    method: "OPTIONS",
    headers: {
      origin: "https://example.org",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization, content-type, prefer",
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
  expect(preflight.headers.get("access-control-allow-headers")).toContain("prefer");
  const reply = await post('{"name":"a","count":1}', { ...JSON_TYPE, origin: "https://example.org" });
  expect(reply.headers.get("access-control-allow-origin")).toBe("*");
  expect(reply.headers.get("access-control-expose-headers")?.split(",")).toEqual([
    "x-request-id",
    "location",
    "preference-applied",
    "retry-after",
    "content-disposition",
    "x-snapshot-version",
    "x-sample-seed",
  ]);
});
