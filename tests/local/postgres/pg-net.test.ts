import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { closeServer, LOOPBACK, listen } from "../../../local/listen.ts";
import type { Worker } from "../../../local/postgres/background-worker.ts";
import { startPgNetWorker } from "../../../local/postgres/pg-net-worker.ts";
import { cloneDatabase, type TestDatabase } from "../../setup/database.ts";

interface Received {
  line: string;
  headers: IncomingMessage["headers"];
  body: string;
}

let database: TestDatabase;
let worker: Worker;
let server: Server;
let url: string;
let received: Received[];
/** How the server answers; replaced by tests. */
let answer: (request: Received, response: ServerResponse) => void;

beforeAll(async () => {
  database = await cloneDatabase();
  await database.sql("create extension if not exists pg_net with schema extensions");
});
beforeEach(async () => {
  received = [];
  answer = (_request, response) => response.end("ok");
  server = createServer(async (request, response) => {
    const one = { line: `${request.method} ${request.url}`, headers: request.headers, body: await text(request) };
    received.push(one);
    answer(one, response);
  });
  url = `http://${LOOPBACK}:${await listen(server, "the receiver", 0)}`;
  worker = await startPgNetWorker({ adminUrl: database.adminUrl });
});
afterEach(async () => {
  await worker.stop();
  await closeServer(server);
  await database.sql("truncate net.http_request_queue, net._http_response");
});
afterAll(() => database.drop());

async function post(path: string, options = ""): Promise<string> {
  const [row] = await database.sql<{ id: string }>(`select net.http_post($1 ${options}) as id`, [url + path]);
  return row?.id ?? "";
}

async function response(id: string): Promise<Record<string, unknown> | undefined> {
  const columns = "status_code, content_type, content, timed_out, error_msg";
  const [row] = await database.sql(`select ${columns} from net._http_response where id = $1`, [id]);
  return row;
}

const lines = () => received.map((request) => request.line);

describe("a request", () => {
  test("is sent once its transaction commits, and not before", async () => {
    const client = await database.connect();
    await client.query("begin");
    await client.query("select net.http_get($1)", [`${url}/committed`]);
    await post("/other");
    await expect.poll(lines).toEqual(["POST /other"]);
    await client.query("commit");
    await expect.poll(lines).toEqual(["POST /other", "GET /committed"]);
  });

  test("is never sent when its transaction rolls back", async () => {
    const client = await database.connect();
    await client.query("begin");
    await client.query("select net.http_get($1)", [`${url}/rolled-back`]);
    await client.query("rollback");
    const id = await post("/after");
    await expect.poll(() => response(id)).toBeDefined();
    expect(lines()).toEqual(["POST /after"]);
  });

  test("carries method, query, headers and JSON body, and names pg_net", async () => {
    const params = JSON.stringify({ q: "a b&c/ü", n: 1 });
    const headers = JSON.stringify({ authorization: "Bearer x" });
    await database.sql("select net.http_post($1, '{\"a\": 1}', $2, $3)", [`${url}/all?x=1`, params, headers]);
    await database.sql("select net.http_get($1, $2)", [`${url}/get`, JSON.stringify({ k: "v" })]);
    await database.sql("select net.http_delete($1, body => '[1]')", [`${url}/delete`]);
    await expect.poll(lines).toHaveLength(3);
    const [posted, got, deleted] = received.sort((a, b) => b.line.localeCompare(a.line));
    expect(posted).toMatchObject({
      line: "POST /all?x=1&n=1&q=a%20b%26c%2F%C3%BC",
      headers: { authorization: "Bearer x", "content-type": "application/json", "user-agent": "pg_net/0.20.4" },
      body: '{"a": 1}',
    });
    expect(got).toMatchObject({ line: "GET /get?k=v", body: "" });
    expect(deleted).toMatchObject({ line: "DELETE /delete", body: "[1]" });
  });

  test("with another content type than exactly application/json is refused", async () => {
    const headers = (type: string) => `, headers => '${JSON.stringify({ "content-type": type })}'`;
    await expect(post("/", headers("application/json; charset=utf-8"))).rejects.toThrow("Content-Type");
    await expect(post("/", headers("application/json"))).resolves.toBeDefined();
  });

  test("inserted into the queue by hand waits for the next call", async () => {
    await database.sql(
      "insert into net.http_request_queue (method, url, timeout_milliseconds) values ('GET', $1, 1000)",
      [`${url}/by-hand`],
    );
    await post("/call");
    await expect.poll(() => lines().sort()).toEqual(["GET /by-hand", "POST /call"]);
  });

  test("may be made by every role that reaches the schema", async () => {
    await database.as("anon", {}, "select net.http_get($1)", [`${url}/anon`]);
    await expect.poll(lines).toEqual(["GET /anon"]);
  });
});

describe("a response", () => {
  test("is recorded with status, headers, type and content", async () => {
    answer = (_request, reply) => reply.writeHead(201, { "content-type": "text/plain", "x-one": "1" }).end("made");
    const id = await post("/");
    await expect
      .poll(() => response(id))
      .toEqual({
        status_code: 201,
        content_type: "text/plain",
        content: "made",
        timed_out: false,
        error_msg: null,
      });
    expect(await database.sql("select headers ->> 'x-one' as one from net._http_response where id = $1", [id])).toEqual(
      [{ one: "1" }],
    );
  });

  test("of a server that fails is a status, not an error, and the request is not repeated", async () => {
    answer = (_request, reply) => reply.writeHead(503).end("no");
    const id = await post("/fails");
    await expect.poll(() => response(id)).toMatchObject({ status_code: 503, error_msg: null });
    const later = await post("/later");
    await expect.poll(() => response(later)).toBeDefined();
    expect(lines().filter((line) => line === "POST /fails")).toHaveLength(1);
  });

  test("that does not come in time is recorded as timed out, and the request is not repeated", async () => {
    answer = (request, reply) => (request.line.endsWith("/slow") ? undefined : reply.end());
    const id = await post("/slow", ", timeout_milliseconds => 100");
    await expect
      .poll(() => response(id))
      .toMatchObject({
        status_code: null,
        timed_out: true,
        error_msg: expect.stringMatching(/^Timeout of 100 ms reached\. Total time: 1\d\d\.\d+ ms/),
      });
    const later = await post("/later");
    await expect.poll(() => response(later)).toBeDefined();
    expect(lines()).toEqual(["POST /slow", "POST /later"]);
  });

  test.each([
    ["nobody listens", () => closeServer(server), "Couldn't connect to server"],
    [
      "the connection breaks",
      async () => {
        answer = (_request, reply) => reply.destroy();
      },
      "Server returned nothing (no headers, no data)",
    ],
  ])("when %s is an error without a status", async (_when, arrange, message) => {
    await arrange();
    const id = await post("/");
    await expect
      .poll(() => response(id))
      .toEqual({ status_code: null, content_type: null, content: null, timed_out: false, error_msg: message });
  });

  test("is the one behind a redirect", async () => {
    answer = (request, reply) =>
      request.line.endsWith("/new") ? reply.end("here") : reply.writeHead(307, { location: "/new" }).end();
    const id = await post("/old");
    await expect.poll(() => response(id)).toMatchObject({ status_code: 200, content: "here" });
    expect(lines()).toEqual(["POST /old", "POST /new"]);
  });

  test("older than six hours is deleted the next time that something is sent", async () => {
    await database.sql("insert into net._http_response (id, created) values (-1, now() - interval '6 hours 1 minute')");
    await database.sql(
      "insert into net._http_response (id, created) values (-2, now() - interval '5 hours 59 minutes')",
    );
    const id = await post("/");
    await expect.poll(() => response(id)).toBeDefined();
    expect(await database.sql("select id from net._http_response where id < 0")).toEqual([{ id: "-2" }]);
  });
});

describe("a batch", () => {
  test("is sent in parallel, and recorded when its slowest response is there", async () => {
    const held: ServerResponse[] = [];
    answer = (_request, reply) => {
      held.push(reply);
    };
    const ids = await database.sql<{ id: string }>("select net.http_get($1) as id from generate_series(1, 3)", [url]);
    await expect.poll(() => held.length).toBe(3);
    held[0]?.end("first");
    held[1]?.end("second");
    const later = await post("/behind");
    expect(await database.sql("select from net._http_response")).toEqual([]);
    expect(lines()).not.toContain("POST /behind");
    held[2]?.end("third");
    await expect.poll(() => database.sql("select content from net._http_response order by id")).toHaveLength(3);
    expect(ids).toHaveLength(3);
    await expect.poll(() => held.length).toBe(4);
    held[3]?.end();
    await expect.poll(() => response(later)).toBeDefined();
  });

  test("has at most 200 requests, the oldest first", async () => {
    const held: ServerResponse[] = [];
    answer = (_request, reply) => {
      held.push(reply);
    };
    await database.sql("select net.http_get($1 || '/' || n) from generate_series(1, 230) n", [url]);
    await expect.poll(() => held.length).toBe(200);
    expect(new Set(lines())).toEqual(new Set(Array.from({ length: 200 }, (_, n) => `GET /${n + 1}`)));
    for (const reply of held.splice(0)) reply.end();
    await expect.poll(() => held.length).toBe(30);
    for (const reply of held) reply.end();
    await expect.poll(() => database.sql("select from net._http_response")).toHaveLength(230);
  });
});

describe("the worker", () => {
  test("sends again what was under way when it was stopped: at least once", async () => {
    answer = () => undefined;
    await post("/twice");
    await expect.poll(lines).toEqual(["POST /twice"]);
    await worker.stop();
    answer = (_request, reply) => reply.end();
    worker = await startPgNetWorker({ adminUrl: database.adminUrl });
    await expect.poll(lines).toEqual(["POST /twice", "POST /twice"]);
    await expect.poll(() => database.sql("select status_code from net._http_response")).toEqual([{ status_code: 200 }]);
  });

  test("sends what was queued while it was away", async () => {
    await worker.stop();
    await post("/queued");
    worker = await startPgNetWorker({ adminUrl: database.adminUrl });
    await expect.poll(lines).toEqual(["POST /queued"]);
  });

  test("comes back when its connection is cut", async () => {
    const admin = await database.connect(database.adminUrl);
    await admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name like 'pg_net %'",
      [database.name],
    );
    await expect.poll(isUp).toBe(false);
    await database.sql("select net.wait_until_running()");
    await post("/back");
    await expect.poll(lines).toEqual(["POST /back"]);
  });

  test("is known to be up or down", async () => {
    expect(await isUp()).toBe(true);
    await worker.stop();
    await expect.poll(isUp).toBe(false);
  });
});

async function isUp(): Promise<boolean> {
  return database.sql("select net.check_worker_is_up()").then(
    () => true,
    (error: unknown) => {
      if (error instanceof pg.DatabaseError && error.message === "the pg_net background worker is not up") return false;
      throw error;
    },
  );
}
