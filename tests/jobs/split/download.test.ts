import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { lookupPublic } from "../../../jobs/fetch-public.ts";
import { closeServer, LOOPBACK, listen } from "../../../local/listen.ts";
import { type SplitScene, type SplitWishes, startSplitScene } from "./start-split-scene.ts";

const CSV = "a,b\n1,2\n3,4\n";
const LARGE = `a,b\n${"1,2\n".repeat(500_000)}`;

let scene: SplitScene;
let host: string;
let answer: RequestListener;
const requests: IncomingMessage[] = [];
const server = createServer((request, response) => {
  requests.push(request);
  answer(request, response);
});
beforeAll(async () => {
  scene = await startSplitScene();
  host = `${LOOPBACK}:${await listen(server, "somebody", 0)}`;
});
afterEach(() => void requests.splice(0));
afterAll(async () => {
  await Promise.all([closeServer(server), scene.close()]);
});

/** Splits what a server of somebody else's answers, by http, which only its place in the list allows. */
async function split(path: string, reply: RequestListener, wishes: SplitWishes = {}) {
  answer = reply;
  const made = await scene.split(`http://${host}${path}`, { allowed: new Set([host]), chunks: 2, ...wishes });
  return { ...made, texts: [...(await scene.readChunks(made.jobId)).values()].map(String) };
}

async function refuse(path: string, reply: RequestListener, wishes: SplitWishes = {}) {
  const error: unknown = await split(path, reply, wishes).catch((thrown: unknown) => thrown);
  const { code, message, retryable } = Object(error);
  return { code, message, retryable };
}

const send = (content: string | Buffer, headers: Record<string, string> = {}): RequestListener => {
  return (_, response) => void response.writeHead(200, headers).end(content);
};
const redirect = (to: string, response: ServerResponse) => void response.writeHead(302, { location: to }).end();

describe("data at a public URL", () => {
  it("is brought into the bucket once, and split from there", async () => {
    const { texts, jobId, tasks } = await split("/folder/data.csv?signature=secret", send(CSV));
    expect(texts).toEqual(["a,b\n1,2\n", "a,b\n3,4\n"]);
    const [staged] = await scene.bucket.file(`jobs/${jobId}/data/source`).download();
    expect(String(staged)).toBe(CSV);

    const again = await split("/folder/data.csv?signature=secret", send("other"), { jobId });
    expect(again.tasks).toEqual(tasks);
    expect(requests).toHaveLength(1);
  });

  it("is named by its URL, or as its server says", async () => {
    expect((await split("/t%C3%A9st.jsonl", send('{"a":1}\n'))).lines[0]).toBe("Splitting tést.jsonl (jsonl)");
    const headers = { "content-disposition": 'attachment; filename="named.tsv"' };
    expect((await split("/download?id=5", send("a\tb\n1\t2\n", headers))).lines[0]).toBe("Splitting named.tsv (tsv)");
  });

  it("is followed over redirects", async () => {
    const { texts } = await split("/1", ({ url }, response) =>
      url === "/3" ? void response.end(CSV) : redirect(url === "/1" ? "/2" : `http://${host}/3`, response),
    );
    expect(texts).toHaveLength(2);
  });

  it("goes on where the connection broke off", async () => {
    const { rows } = await split("/data.csv", ({ headers: { range } }, response) => {
      const start = Number(/\d+/.exec(range ?? "")?.[0] ?? 0);
      const end = Math.min(LARGE.length, start + 800_000);
      const headers = {
        etag: '"one"',
        "content-length": LARGE.length - start,
        "content-range": `bytes ${start}-${LARGE.length - 1}/${LARGE.length}`,
      };
      response.writeHead(range === undefined ? 200 : 206, headers);
      response.write(LARGE.slice(start, end), () => void (end === LARGE.length ? response.end() : response.destroy()));
    });
    expect(rows).toBe(500_000);
    expect(requests.map(({ headers }) => headers["if-range"])).toEqual([undefined, '"one"', '"one"']);
  });

  it("is asked for again when its server is busy", async () => {
    let asked = 0;
    const { rows } = await split("/data.csv", (_, response) =>
      ++asked < 3 ? void response.writeHead(503).end() : void response.end(CSV),
    );
    expect({ rows, asked }).toEqual({ rows: 2, asked: 3 });
  });
});

describe("data at a URL is refused", () => {
  it.each([
    ["http://example.org/data.csv", "must begin with https://"],
    ["https://127.0.0.1/data.csv", "leads to 127.0.0.1, which is no public address"],
    ["https://[::1]/data.csv", "leads to [::1], which is no public address"],
    ["https://2130706433/data.csv", "leads to 127.0.0.1, which is no public address"],
    ["https://169.254.169.254/computeMetadata/v1/", "leads to 169.254.169.254, which is no public address"],
    ["https://metadata.google.internal/", "leads to metadata.google.internal, which is no public address"],
    ["https://localhost/data.csv", "leads to localhost, which is no public address"],
    ["ftp://example.org/data.csv", "is no https URL"],
  ])("before anything is sent: %s", async (url, why) => {
    const error: unknown = await scene.split(url).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "address_not_public",
      message: expect.stringContaining(why),
      retryable: false,
    });
  });

  it("when a redirect leads elsewhere", async () => {
    const refused = await refuse("/data.csv", (_, response) => redirect("https://10.0.0.1/secret", response));
    expect(refused).toMatchObject({
      code: "address_not_public",
      message: "Cannot fetch https://10.0.0.1/secret: it leads to 10.0.0.1, which is no public address.",
    });
    expect(requests).toHaveLength(1);
  });

  it("when its name resolves to an address that is not public", async () => {
    const look = (all: boolean) => new Promise((resolve) => lookupPublic("localhost", { all }, resolve));
    const refusal = {
      code: "address_not_public",
      message: expect.stringMatching(/^Cannot fetch https:\/\/localhost\/: it leads to (127\.0\.0\.1|::1), which/),
    };
    expect([await look(true), await look(false)]).toMatchObject([refusal, refusal]);
  });

  it("after more than five redirects", async () => {
    expect(await refuse("/loop", (_, response) => redirect("/loop", response))).toMatchObject({
      code: "data_unreachable",
      message: `Cannot fetch http://${host}/loop: it redirects more than 5 times.`,
    });
    expect(requests).toHaveLength(6);
  });

  it.each([
    [404, "data_not_found"],
    [403, "data_unreachable"],
  ])("when its server answers %d, without telling what may be secret in the URL", async (status, code) => {
    const refused = await refuse("/x.csv?key=secret", (_, response) => void response.writeHead(status).end());
    expect(refused).toMatchObject({ code, retryable: false });
    expect(refused.message).toContain(`http://${host}/x.csv`);
    expect(refused.message).not.toContain("secret");
  });

  it("when it breaks off and cannot be continued", async () => {
    const refused = await refuse("/data.csv", (_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("a,b\n", () => response.destroy());
    });
    expect(refused).toMatchObject({ code: "download_interrupted", retryable: true });
    expect(requests).toHaveLength(2);
  });

  it("when it is too large for a job", async () => {
    const headers = { "content-length": String(2 * 1024 ** 4) };
    const refused = await refuse("/data.csv", (_, response) => void response.writeHead(200, headers).flushHeaders());
    expect(refused).toMatchObject({ code: "data_too_large" });
  });
});
