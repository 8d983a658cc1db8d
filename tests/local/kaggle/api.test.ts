import { request } from "node:http";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type RunningKaggle, startKaggle } from "../../../local/kaggle/start-kaggle.ts";
import { callRpc, requestDownload } from "./call-kaggle.ts";

const NAME = { ownerSlug: "scripps", datasetSlug: "mauna-loa-co2" };
const REF = "scripps/mauna-loa-co2";
let kaggle: RunningKaggle;
beforeAll(async () => {
  kaggle = await startKaggle({
    port: 0,
    users: [{ username: "ada", key: "ada-key" }],
    tokens: [{ token: "KGAT_ada", username: "ada" }],
  });
});
afterAll(() => kaggle.close());
beforeEach(() => kaggle.requests.clear());

const rpc = async (method: string, body: Record<string, unknown>) => (await callRpc(kaggle.url, method, body)).json();
const rest = async (path: string) => (await fetch(`${kaggle.url}/api/v1/datasets/${path}`)).json();

describe("RPC and REST", () => {
  test("view shows a dataset with its files and versions, the newest first", async () => {
    const viewed = await rpc("GetDataset", NAME);
    expect(viewed).toMatchObject({
      id: expect.any(Number),
      ref: REF,
      title: "Atmospheric CO2 at Mauna Loa",
      licenseName: "Attribution 4.0 International (CC BY 4.0)",
      currentVersionNumber: 2,
      lastUpdated: "2024-01-20T16:18:09.530Z",
      tags: expect.arrayContaining([expect.objectContaining({ name: "environment" })]),
      files: [{ name: "co2-concentration.csv" }, { name: "temperature/global-temp.csv" }],
      versions: [
        { versionNumber: 2, versionNotes: "Added the temperature index" },
        { versionNumber: 1, versionNotes: "1958 to 2020" },
      ],
    });
    expect(await rest(`view/${REF}`)).toEqual(viewed);
  });

  test("list answers an object to RPC and a bare array to REST", async () => {
    const query = { search: "co2", sortBy: "DATASET_SORT_BY_VOTES" };
    const listed = await rpc("ListDatasets", query);
    expect(listed.datasets).toHaveLength(1);
    expect(await rest("list?search=co2&sortBy=votes&group=&filetype=all&license=all&tagids=&page=1")).toEqual(
      listed.datasets,
    );
  });

  test("an unset field may come as empty, zero or null", async () => {
    const unset = {
      search: "co2",
      tagIds: "",
      user: "",
      maxSize: 0,
      minSize: null,
      page: 0,
      pageSize: 0,
      pageToken: "",
    };
    expect((await rpc("ListDatasets", unset)).datasets).toHaveLength(1);
  });

  test("files lists one version, page by page", async () => {
    const first = await rpc("ListDatasetFiles", { ...NAME, pageSize: 1 });
    expect(first.datasetFiles).toMatchObject([
      { name: "co2-concentration.csv", totalBytes: 18_547, fileType: ".csv", datasetRef: REF },
    ]);
    const second = await rpc("ListDatasetFiles", { ...NAME, pageSize: 1, pageToken: first.nextPageToken });
    expect(second).toMatchObject({ datasetFiles: [{ name: "temperature/global-temp.csv" }], nextPageToken: "" });
    expect((await rest(`list/${REF}?datasetVersionNumber=1`)).datasetFiles).toHaveLength(1);
    const forged = await callRpc(kaggle.url, "ListDatasetFiles", { ...NAME, pageToken: "bogus" });
    expect(forged.status).toBe(400);
  });

  test("tree lists one folder", async () => {
    expect(await rpc("ListTreeDatasetFiles", NAME)).toMatchObject({
      directories: [{ name: "temperature" }],
      files: [{ name: "co2-concentration.csv" }],
      totalFiles: 2,
    });
    expect(await rest(`list-tree/${REF}?path=temperature`)).toMatchObject({
      directories: [],
      files: [{ name: "global-temp.csv", totalBytes: 1663 }],
    });
    expect((await callRpc(kaggle.url, "ListTreeDatasetFiles", { ...NAME, path: "nowhere" })).status).toBe(404);
  });

  test("metadata names licences as dataset-metadata.json does", async () => {
    const metadata = await rpc("GetDatasetMetadata", NAME);
    expect(metadata.info).toMatchObject({
      ownerUser: "scripps",
      datasetSlug: "mauna-loa-co2",
      licenses: [{ name: "CC-BY-4.0" }],
      totalDownloads: 15_390,
      data: [{ name: "co2-concentration.csv", totalBytes: 18_547 }, { name: "temperature/global-temp.csv" }],
    });
    expect(await rest(`metadata/${REF}`)).toEqual(metadata);
  });

  test("status is an object to RPC and a bare string to REST", async () => {
    expect(await rpc("GetDatasetStatus", NAME)).toEqual({ status: "READY" });
    expect(await rest(`status/${REF}`)).toBe("ready");
  });

  test("download takes the version and file names of every client", async () => {
    const pathOf = async (path: string) => {
      const reply = await fetch(`${kaggle.url}/api/v1/datasets/download/${REF}${path}`, { redirect: "manual" });
      return new URL(reply.headers.get("location") ?? "").pathname;
    };
    const bundle = new URL(await requestDownload(kaggle.url, REF, { datasetVersionNumber: 1 })).pathname;
    expect(await pathOf("?datasetVersionNumber=1")).toBe(bundle);
    expect(await pathOf("?dataset_version_number=1")).toBe(bundle);
    expect(await pathOf("")).not.toBe(bundle);
    const file = new URL(await requestDownload(kaggle.url, REF, { fileName: "temperature/global-temp.csv" })).pathname;
    expect(await pathOf("/temperature%2Fglobal-temp.csv")).toBe(file);
    expect(await pathOf("?file_name=temperature/global-temp.csv")).toBe(file);
  });

  test("RPC also answers under /api/v1, where clients outside production look", async () => {
    const reply = await fetch(`${kaggle.url}/api/v1/datasets.DatasetApiService/GetDataset`, {
      method: "POST",
      body: JSON.stringify(NAME),
    });
    expect(await reply.json()).toMatchObject({ ref: REF });
  });

  test("a request through a proxy variable, whose line holds a whole URL, is answered", async () => {
    const { hostname, port } = new URL(kaggle.url);
    const path = `http://localhost/api/v1/datasets/view/${REF}`;
    const viewed = await new Promise((resolve, reject) => {
      request({ hostname, port, path }, (reply) => resolve(json(reply)))
        .on("error", reject)
        .end();
    });
    expect(viewed).toMatchObject({ ref: REF });
  });

  test("an idle connection is kept for minutes", async () => {
    const reply = await callRpc(kaggle.url, "GetDataset", NAME);
    expect(reply.headers.get("keep-alive")).toBe("timeout=600");
  });

  test.each([
    ["GET", "/api/v1/datasets/nothing/a/b"],
    ["GET", "/v1/datasets.DatasetApiService/GetDataset"],
    ["POST", "/v1/datasets.DatasetApiService/DropDataset"],
    ["GET", "/"],
  ])("%s %s is not found", async (method, path) => {
    const reply = await fetch(`${kaggle.url}${path}`, { method });
    expect(reply.status).toBe(404);
    expect(await reply.json()).toEqual({ code: 404, message: "Not found" });
  });

  test("an unknown dataset is not found, a missing name and a broken body are invalid", async () => {
    expect(await rpc("GetDataset", { ...NAME, datasetSlug: "nothing" })).toMatchObject({ code: 404 });
    expect(await rpc("GetDataset", { ownerSlug: "scripps" })).toMatchObject({ code: 400 });
    const broken = await fetch(`${kaggle.url}/v1/datasets.DatasetApiService/GetDataset`, { method: "POST", body: "{" });
    expect(broken.status).toBe(400);
  });
});

describe("credentials", () => {
  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;
  const statusWith = async (authorization: string) =>
    (await callRpc(kaggle.url, "GetDataset", NAME, { authorization })).status;

  test("username and key, a token, or none at all open a public dataset", async () => {
    expect(await statusWith(basic("ada:ada-key"))).toBe(200);
    expect(await statusWith("Bearer KGAT_ada")).toBe(200);
    expect((await callRpc(kaggle.url, "GetDataset", NAME)).status).toBe(200);
  });

  test.each([basic("ada:wrong"), basic("bob:ada-key"), "Bearer KGAT_bob", "Bearer ada-key", "Digest x", "Bearer"])(
    "%s is refused",
    async (authorization) => {
      expect(await statusWith(authorization)).toBe(401);
    },
  );

  test("introspection says whose a token is, and of an unknown one that it is not active", async () => {
    const introspect = async (token: string) =>
      (
        await fetch(`${kaggle.url}/v1/security.OAuthService/IntrospectToken`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
          body: JSON.stringify({ token }),
        })
      ).json();
    expect(await introspect("KGAT_ada")).toEqual({ active: true, username: "ada" });
    expect(await introspect("KGAT_bob")).toEqual({ active: false });
  });

  test("are seen by kind only in the list of requests", async () => {
    await statusWith(basic("ada:ada-key"));
    const url = await requestDownload(kaggle.url, REF);
    await (await fetch(url, { headers: { range: "bytes=0-9" } })).arrayBuffer();
    expect(kaggle.requests.list()).toMatchObject([
      { operation: "view", ref: REF, authorization: "Basic", method: "POST" },
      { operation: "download", ref: REF, authorization: undefined },
      { operation: "blob", ref: REF, range: "bytes=0-9", method: "GET" },
    ]);
    expect(JSON.stringify(kaggle.requests.list())).not.toContain("ada");
  });
});
