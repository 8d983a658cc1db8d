import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi } from "./start-api.ts";

interface Operation {
  operationId?: string;
  summary?: string;
  tags?: string[];
  security?: object[];
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>;
}
interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
  tags: { name: string }[];
}

let api: Awaited<ReturnType<typeof startApi>>;
let description: Description;
let operations: (Operation & { name: string; path: string })[];
beforeAll(async () => {
  api = await startApi();
  description = (await api.call("openapi.json", { token: undefined })).body;
  operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, path, name: `${method} ${path}` })),
  );
});
afterAll(() => api.close());

/** Everything in a JSON value that has a key. */
function* withKey(key: string, value: unknown): Generator<unknown> {
  if (typeof value !== "object" || value === null) return;
  for (const [name, one] of Object.entries(value)) {
    if (name === key && typeof one === "string") yield one;
    yield* withKey(key, one);
  }
}

const ADMINS = ["admin", "password"];

describe("GET /api/v1/openapi.json", () => {
  test("describes every path that the seed names", async () => {
    const names = operations.map(({ name }) => name.replace("/api/v1/", "").replaceAll(/\{\w+\}/g, "{}"));
    expect(names).toEqual(
      expect.arrayContaining([
        "post auth/token",
        "get sync/tables",
        "get sync/tables/{}",
        "post sync/tables/register",
        "delete sync/tables/{}/{}",
        "get sync/tables/{}/{}/status",
        "post sync/start",
        "get sync/jobs/{}",
        "post sync/jobs/{}/cancel",
        "post admin/tokens",
        "get admin/tokens",
        "delete admin/tokens/{}",
        "post admin/tables",
        "get admin/audit",
        "get tasks/status/{}",
        "get tasks/active",
        "get tasks/queues",
        "get tasks/workers",
      ]),
    );
  });

  test("gives every operation a name of its own, a summary and a tag that is explained", () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const explained = description.tags.map(({ name }) => name);
    for (const { name, operationId, summary, tags = [] } of operations) {
      expect.soft(operationId, name).toMatch(/^[a-z][A-Za-z]+$/);
      expect.soft(summary, name).toMatch(/\S/);
      expect.soft(explained, name).toEqual(expect.arrayContaining(tags));
      expect.soft(tags, name).toHaveLength(1);
    }
  });

  test("says who may call what: nobody needs a token for one, admins may everything, agents the rest", () => {
    const schemes = Object.keys(description.components.securitySchemes);
    for (const { name, path, security = [] } of operations) {
      const allowed = security.flatMap((one) => Object.keys(one));
      expect.soft(schemes, name).toEqual(expect.arrayContaining(allowed));
      const area = path.split("/")[3] ?? "";
      const wanted = { auth: [], sync: ADMINS, admin: ADMINS, tasks: ADMINS }[area] ?? ["agent", ...ADMINS];
      expect.soft(allowed, name).toEqual(wanted);
    }
  });
  test("gives every operation the one error shape", () => {
    const reference = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };
    for (const { name, responses } of operations) {
      expect.soft(responses["4XX"]?.content, name).toEqual(reference);
      expect.soft(responses["5XX"]?.content, name).toEqual(reference);
    }
    expect(description.components.schemas.Error).toMatchObject({ required: ["detail", "code", "request_id"] });
  });

  test("refers to nothing that is not there", () => {
    const known = Object.keys(description.components.schemas).map((name) => `#/components/schemas/${name}`);
    const references = [...withKey("$ref", description)];
    expect(references.length).toBeGreaterThan(50);
    expect(known).toEqual(expect.arrayContaining(references));
  });

  test("has no pattern that another language could not read", () => {
    for (const pattern of withKey("pattern", description)) {
      expect(() => new RegExp(String(pattern))).not.toThrow();
      expect(pattern).not.toMatch(/[^\\]\/[a-z]*$|\\p\{/);
    }
  });
});
