import { describe, expect, test } from "vitest";
import { createJobFiles } from "../../functions/jobs/job-files.ts";
import { allowedHosts } from "../../shared/cloud/public-url.ts";
import type { UrlRequest } from "../../shared/cloud/sign-url.ts";

const files = createJobFiles({
  bucket: "corral",
  endpoint: "http://127.0.0.1:9199",
  allowedHosts: allowedHosts.parse("127.0.0.1:8080"),
  sign: async ({ method, object }: UrlRequest) => `http://127.0.0.1:9/signed?${method}=${object}`,
});
const EMPTY = new File(["x"], "x");

describe("a URL that a job names", () => {
  test.each([
    ["https://example.org/rain.csv?key=1", "https://example.org/rain.csv?key=1"],
    ["http://127.0.0.1:8080/rain.csv", "http://127.0.0.1:8080/rain.csv"],
    ["http://127.0.0.1:9199/corral/jobs/7/a%20b.csv?X-Goog-Signature=00", "gs://corral/jobs/7/a b.csv"],
    ["gs://corral/jobs/7/a b.csv", "gs://corral/jobs/7/a b.csv"],
    ["https://storage.googleapis.com/other/public.csv", "https://storage.googleapis.com/other/public.csv"],
    ["HTTPS://Example.org", "https://example.org/"],
    ["https://ex\nample.org/a b.py", "https://example.org/a%20b.py"],
    ["https://example.org\\@127.0.0.1/", "https://example.org/@127.0.0.1/"],
  ])("%s is kept as %s", (url, kept) => {
    expect(files.admit("data_url", url)).toBe(kept);
  });

  test.each([
    ["http://127.0.0.1:8081/rain.csv", "address_not_public"],
    ["http://127.0.0.1:9199/other/rain.csv", "address_not_public"],
    ["http://127.0.0.1:9199/corral/%zz", "address_not_public"],
    ["gs://other/rain.csv", "url_not_yours"],
    ["GS://corral/rain.csv", "address_not_public"],
  ])("%s is refused as %s", (url, code) => {
    expect(() => files.admit("data_url", url)).toThrow(expect.objectContaining({ code }));
  });
});

test.each([
  "https://storage.googleapis.com/corral/jobs/7/data/data.csv",
  "https://corral.storage.googleapis.com/jobs/7/data/data.csv",
  "http://127.0.0.1:9199/corral/jobs/7/data/data.csv",
  "GS://corral/jobs/7/data/data.csv",
])("an object that a row names as %s is not signed", async (url) => {
  expect(await files.toReadable(url)).toBe(url);
  expect(await files.toResult(url)).toEqual({ final_result_url: url, final_result_object: null });
  expect(await files.toReadable("gs://corral/jobs/7/a")).toBe("http://127.0.0.1:9/signed?GET=jobs/7/a");
});

test("a result in another bucket is passed on as it is", async () => {
  const url = "gs://other/model.pth";
  expect(await files.toResult(url)).toEqual({ final_result_url: url, final_result_object: url });
  expect(await files.toResult(null)).toEqual({ final_result_url: null, final_result_object: null });
});

test("a bucket that does not answer is told as such", async () => {
  await expect(files.store(7, { code: EMPTY, requirements: EMPTY, data: EMPTY })).rejects.toMatchObject({
    code: "storage_unavailable",
    cause: expect.any(TypeError),
  });
});
