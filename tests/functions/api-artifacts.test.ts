import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDataScene } from "./start-data-scene.ts";

let scene: Awaited<ReturnType<typeof startDataScene>>;
let agent: Awaited<ReturnType<typeof scene.createAgent>>;
let colleague: Awaited<ReturnType<typeof scene.createAgent>>;
let stranger: Awaited<ReturnType<typeof scene.createAgent>>;
beforeAll(async () => {
  scene = await startDataScene();
  agent = await scene.createAgent();
  colleague = await scene.createAgent({ swarm: agent.swarm });
  stranger = await scene.createAgent();
});
afterAll(() => scene.close());

const DAY_MS = 24 * 3600 * 1000;
const CONTENT = Buffer.from([0, 1, 2, 253, 254, 255]);
const WISH = {
  name: "model é.pkl",
  type: "MODEL",
  format: "pickle",
  content: CONTENT.toString("base64"),
  metadata: { accuracy: 0.9, notes: ["a"] },
  tags: ["best", "v1"],
};
const create = (wish: object = {}, { token } = agent) => scene.post("artifacts", { ...WISH, ...wish }, { token });
const open = (wish: object = {}) =>
  scene.post("artifacts/upload_url", { name: "big", type: "data", format: "parquet", ...wish }, { token: agent.token });
const call = (path: string, method = "GET", body?: unknown, { token } = agent) =>
  scene.call(`artifacts/${path}`, { method, body, token });
const daysUntil = (moment: string) => (Date.parse(moment) - Date.now()) / DAY_MS;
const namesOf = (body: { name: string }[]) => body.map(({ name }) => name);

/** Sends a content to where it belongs. */
const put = ({ upload_url, headers }: { upload_url: string; headers: Record<string, string> }, body: BodyInit) =>
  fetch(upload_url, { method: "PUT", headers, body });

describe("POST /artifacts", () => {
  test("stores what comes along in base64", async () => {
    const { status, body, headers } = await create();
    expect(status).toBe(201);
    expect(body).toEqual({
      artifact_id: expect.any(String),
      name: WISH.name,
      type: "model",
      format: "pickle",
      size_bytes: 6,
      created_at: expect.any(String),
      expires_at: expect.any(String),
      metadata: WISH.metadata,
      tags: WISH.tags,
      state: "ready",
      agent: agent.agent,
      crc32c: expect.stringMatching(/^[\w+/]{6}==$/),
    });
    expect(daysUntil(body.expires_at)).toBeCloseTo(10, 1);
    expect((await scene.recordOf(headers)).map(({ details }) => details)).toContainEqual({
      artifact_id: body.artifact_id,
      artifact: WISH.name,
    });
  });

  test("takes no more than a name and a content, and both as they come", async () => {
    const { status, body } = await create({
      type: undefined,
      format: undefined,
      metadata: null,
      tags: undefined,
      content: "YQ==\n",
      expiry_days: 3,
    });
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { type: "other", format: "binary", metadata: {}, tags: [], size_bytes: 1 },
    });
    expect(daysUntil(body.expires_at)).toBeCloseTo(3, 1);
    expect((await create({ content: "" })).body).toMatchObject({ size_bytes: 0, state: "ready" });
  });

  test("takes null for what has a default, and a tag once", async () => {
    const { status, body } = await create({ type: null, format: null, expiry_days: null, tags: ["b", "a", "b"] });
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { type: "other", format: "binary", tags: ["b", "a"] },
    });
  });

  test("takes 10 MiB, and names the other way for more", async () => {
    const most = Buffer.alloc(10 * 1024 * 1024, 7);
    const wish = { ...WISH, content: most.toString("base64") };
    // With a slash at its end it is the same path.
    const { status, body } = await scene.post("artifacts/", wish, { token: agent.token });
    expect({ status, size: body.size_bytes }).toEqual({ status: 201, size: most.length });
    for (const size of [most.length + 1, 12 * 1024 * 1024]) {
      const { status, body } = await create({ content: Buffer.alloc(size).toString("base64") });
      expect(status).toBe(413);
      expect(body.detail).toContain("POST /api/v1/artifacts/upload_url");
    }
  });

  test.for([
    { name: "" },
    { name: "a\0" },
    { type: "cat" },
    { format: "docx" },
    { content: "not base64!" },
    { content: "abcde" },
    { content: undefined },
    { metadata: "text" },
    { metadata: [] },
    { metadata: { a: "\0" } },
    { metadata: { a: "x".repeat(20_000) } },
    { tags: [""] },
    { tags: ["a,b"] },
    { tags: [" a"] },
    { expiry_days: 0 },
    { expiry_days: 366 },
    { colour: "red" },
  ])("refuses %j", async (wish) => {
    expect(await create(wish)).toMatchObject({ status: 422, body: { code: "invalid_request" } });
  });
});

describe("POST /artifacts/upload_url", () => {
  test("makes an artifact that is ready once its content is there", async () => {
    const { status, body } = await open({ content_type: "application/x-parquet" });
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { state: "pending", size_bytes: null, method: "PUT", upload_expires_at: expect.any(String) },
    });
    const path = `${body.artifact_id}/complete`;
    expect(await call(path, "POST")).toMatchObject({ status: 409, body: { code: "artifact_not_uploaded" } });
    expect((await call(`${body.artifact_id}/content`)).status).toBe(409);
    const content = Buffer.alloc(11 * 1024 * 1024, 3);
    expect((await put(body, content)).status).toBe(200);
    const [{ crc32c }] = await scene.bucket.file(`artifacts/${await swarmId()}/${body.artifact_id}`).getMetadata();
    for (let time = 0; time < 2; time++) {
      expect(await call(path, "POST")).toMatchObject({
        status: 200,
        body: { state: "ready", size_bytes: content.length, crc32c },
      });
    }
  });

  test("gives a URL that takes a content once, and none that is too large", async () => {
    const { body } = await open();
    expect((await put(body, Buffer.alloc(50 * 1024 * 1024 + 1))).status).toBe(400);
    expect((await put(body, "first")).status).toBe(200);
    expect((await put(body, "second")).status).toBe(412);
    expect((await put({ ...body, headers: {} }, "third")).status).toBeGreaterThanOrEqual(400);
  });

  test("with a size gives a URL for exactly so many bytes", async () => {
    const { body } = await open({ size_bytes: 3 });
    expect((await put(body, "four")).status).toBe(400);
    expect((await put(body, "two")).status).toBe(200);
    expect(await open({ size_bytes: 50 * 1024 * 1024 + 1 })).toMatchObject({
      status: 413,
      body: { code: "artifact_too_large" },
    });
  });

  const swarmId = async () => {
    const [row] = await scene.db.sql<{ id: string }>("select id from corral.swarms where name = $1", [agent.swarm]);
    return row?.id;
  };
});

describe("GET /artifacts", () => {
  test("lists a swarm's artifacts, newest first, by type, format and tags", async () => {
    const own = await scene.createAgent();
    const made = async (wish: object) => (await create(wish, own)).body.artifact_id;
    const ids = [
      await made({ name: "a", type: "data", format: "csv", tags: ["x", "y"] }),
      await made({ name: "b", type: "data", format: "json", tags: ["x"] }),
      await made({ name: "c", type: "model", format: "json", tags: [] }),
    ];
    const list = async (query: string) => namesOf((await scene.call(`artifacts${query}`, own)).body);
    expect(await list("")).toEqual(["c", "b", "a"]);
    expect(await list("/?type=DATA")).toEqual(["b", "a"]);
    expect(await list("?format=json&type=model")).toEqual(["c"]);
    expect(await list("?tags=x,%20y")).toEqual(["a"]);
    expect(await list("?tags=")).toEqual(["c", "b", "a"]);
    expect(await list("?limit=1")).toEqual(["c"]);
    expect(await list(`?limit=1&before=${ids[2]}`)).toEqual(["b"]);
    for (const wrong of ["?limit=0", "?limit=x", "?type=cat", "?before=7"]) {
      expect((await scene.call(`artifacts${wrong}`, own)).status).toBe(422);
    }
  });
});

describe("GET /artifacts/{id}", () => {
  test("tells of an artifact to its whole swarm and to nobody else, at no path", async () => {
    const { body } = await create();
    const id = body.artifact_id;
    expect(await call(id, "GET", undefined, colleague)).toMatchObject({ status: 200, body: { name: WISH.name } });
    const calls = [
      [id, "GET"],
      [`${id}/content`, "GET"],
      [`${id}/content?inline=true`, "GET"],
      [id, "PATCH", { name: "mine" }],
      [`${id}/extend`, "POST", {}],
      [`${id}/complete`, "POST"],
      [id, "DELETE"],
    ] as const;
    for (const [path, method, wish] of calls) {
      const reply = await call(path, method, wish, stranger);
      expect(reply).toMatchObject({ status: 404, body: { code: "artifact_not_found" } });
    }
    expect((await call(randomUUID())).status).toBe(404);
    expect((await call("7")).status).toBe(422);
  });

  test("keeps an artifact that is used for another ten days", async () => {
    const { body } = await create();
    await scene.db.sql("update corral.artifacts set expires_at = now() + interval '1 hour' where id = $1", [
      body.artifact_id,
    ]);
    expect(daysUntil((await call(body.artifact_id)).body.expires_at)).toBeCloseTo(10, 1);
  });

  test("does not find one that has expired", async () => {
    const { body } = await create();
    await scene.db.sql("update corral.artifacts set expires_at = now() where id = $1", [body.artifact_id]);
    expect((await call(body.artifact_id)).status).toBe(404);
  });
});

describe("GET /artifacts/{id}/content", () => {
  test("leads to the content, under the artifact's name", async () => {
    const { body } = await create({ format: "json" });
    const reply = await scene.fetch(`artifacts/${body.artifact_id}/content`, { token: colleague.token });
    expect(reply.status).toBe(302);
    const stored = await fetch(reply.headers.get("location") ?? "");
    expect(Buffer.from(await stored.arrayBuffer())).toEqual(CONTENT);
    expect(stored.headers.get("content-type")).toBe("application/json");
    expect(stored.headers.get("content-disposition")).toBe(
      `attachment; filename="model _.pkl"; filename*=UTF-8''model%20%C3%A9.pkl`,
    );
  });

  test("is the content in base64 where that is asked for, up to 2 MiB", async () => {
    const { body } = await create();
    const inline = await call(`${body.artifact_id}/content?inline=true`);
    expect(inline).toMatchObject({ status: 200, body: { name: WISH.name, content: WISH.content } });
    const inlineOf = async (size: number) => {
      const { body: big } = await open();
      await put(big, Buffer.alloc(size, 7));
      await call(`${big.artifact_id}/complete`, "POST");
      return call(`${big.artifact_id}/content?inline=true`);
    };
    const most = 2 * 1024 * 1024;
    expect((await inlineOf(most)).body.content).toBe(Buffer.alloc(most, 7).toString("base64"));
    expect(await inlineOf(most + 1)).toMatchObject({
      status: 413,
      body: { code: "artifact_too_large", detail: expect.stringContaining("redirect") },
    });
  });
});

describe("an artifact that is there", () => {
  test("can be renamed, typed and tagged anew, field by field", async () => {
    const { body } = await create();
    const changed = await call(
      body.artifact_id,
      "PATCH",
      { name: "better", type: "report", metadata: { a: 1 } },
      colleague,
    );
    expect(changed).toMatchObject({
      status: 200,
      body: { name: "better", type: "report", metadata: { a: 1 }, tags: WISH.tags },
    });
    expect((await call(body.artifact_id, "PATCH", { tags: [] })).body).toMatchObject({ name: "better", tags: [] });
    for (const wrong of [{}, { name: "" }, { format: "csv" }, { metadata: { a: "\0" } }]) {
      expect((await call(body.artifact_id, "PATCH", wrong)).status).toBe(422);
    }
  });

  test("stays as long as it is extended by", async () => {
    const { body } = await create();
    const extended = await call(`${body.artifact_id}/extend`, "POST", { expiry_days: 30 });
    expect(daysUntil(extended.body.expires_at)).toBeCloseTo(30, 1);
    expect((await call(`${body.artifact_id}/extend`, "POST")).status).toBe(200);
    expect((await call(`${body.artifact_id}/extend`, "POST", { expiry_days: 0 })).status).toBe(422);
  });

  test("is deleted with its content", async () => {
    const { body } = await create();
    const named = `/${body.artifact_id}`;
    const stored = async () =>
      (await scene.bucket.getFiles({ prefix: "artifacts/" }))[0].filter(({ name }) => name.endsWith(named));
    expect(await stored()).toHaveLength(1);
    expect(await call(body.artifact_id, "DELETE")).toMatchObject({
      status: 200,
      body: { artifact_id: body.artifact_id },
    });
    expect((await call(body.artifact_id)).status).toBe(404);
    await expect.poll(stored).toHaveLength(0);
  });
});
