import { expect, test } from "vitest";
import { gsUrl, parseGsUrl, parseObjectUrl, toKeptUrl } from "../../../shared/cloud/object-url.ts";

const LOCAL = "http://127.0.0.1:9199";
const object = "jobs/7/data/weather data.csv";
const found = { bucket: "corral", object };
const encoded = "jobs/7/data/weather%20data.csv";
const inOne = encodeURIComponent(object);

test.each([
  `gs://corral/${object}`,
  `https://storage.googleapis.com/corral/${encoded}`,
  `https://storage.googleapis.com:443/corral/${encoded}?X-Goog-Signature=00`,
  `http://storage.googleapis.com/corral/${encoded}#part`,
  `https://corral.storage.googleapis.com/${encoded}`,
  `https://storage.cloud.google.com/corral/${encoded}?authuser=1`,
  `https://storage.googleapis.com/storage/v1/b/corral/o/${inOne}?alt=media`,
  `https://storage.googleapis.com/download/storage/v1/b/corral/o/${inOne}?alt=media&generation=1`,
  `https://www.googleapis.com/storage/v1/b/corral/o/${inOne}`,
  `https://STORAGE.googleapis.com/corral/${inOne}`,
  `https://storage.googleapis.com./corral/${encoded}`,
  `https://storage.googleapis.com.:443/corral/${encoded}`,
  `https://corral.storage.googleapis.com./${encoded}`,
  `https://ada:lovelace@storage.googleapis.com/corral/${encoded}`,
  `https://storage.googleapis.com/other/../corral/${encoded}`,
  `http://0x7f.1:9199/corral/${encoded}`,
  `${LOCAL}/corral/${encoded}?X-Goog-Date=20261121T000000Z`,
  `${LOCAL}/storage/v1/b/corral/o/${inOne}?alt=media`,
  `${LOCAL}/download/storage/v1/b/corral/o/${inOne}`,
])("%s names the object", (url) => {
  expect(parseObjectUrl(url, LOCAL)).toEqual(found);
});

test.each([
  "https://example.org/corral/jobs/7/data/weather.csv",
  "https://storage.googleapis.com.example.org/corral/a",
  "https://evilstorage.googleapis.com/corral/a",
  "https://example.org/?url=gs://corral/a",
  "https://user@example.org/storage.googleapis.com/corral/a",
  "https://storage.googleapis.com/corral",
  "https://storage.googleapis.com/corral/",
  "https://storage.googleapis.com/corral/%zz",
  "https://www.googleapis.com/corral/a",
  "http://127.0.0.1:9200/corral/a",
  "ftp://storage.googleapis.com/corral/a",
  "gs://corral",
  "gs:///a",
  "corral/a",
  "",
])("%s names none", (url) => {
  expect(parseObjectUrl(url, LOCAL)).toBeUndefined();
});

test("the bucket may be part of the configured endpoint's host", () => {
  expect(parseObjectUrl(`https://corral.storage.example.net/${encoded}`, "https://storage.example.net")).toEqual(found);
});

test("another bucket's object is told as such", () => {
  expect(parseObjectUrl("https://storage.googleapis.com/other/a/b")).toEqual({ bucket: "other", object: "a/b" });
});

test("what gsUrl writes reads back, whatever is in the name", () => {
  for (const name of ["a b/ü%20?#.csv", "x//y", "line\nbreak"]) {
    const written = gsUrl({ bucket: "corral", object: name });
    expect(parseObjectUrl(written)).toEqual({ bucket: "corral", object: name });
    expect(parseGsUrl(written)).toEqual({ bucket: "corral", object: name });
  }
});

test.each([
  `https://storage.googleapis.com/corral/${encoded}`,
  `https://corral.storage.googleapis.com/${encoded}`,
  `${LOCAL}/corral/${encoded}`,
  `GS://corral/${encoded}`,
  ` gs://corral/${encoded}`,
  "gs://corral/",
])("%s in a row names no object", (url) => {
  expect(parseGsUrl(url)).toBeUndefined();
});

test.each([
  [`gs://corral/${object}`, `gs://corral/${object}`],
  [`https://storage.googleapis.com/corral/${encoded}?X-Goog-Signature=00`, `gs://corral/${object}`],
  [`${LOCAL}/corral/${encoded}`, `gs://corral/${object}`],
  [`gs://other/${object}`, `gs://other/${object}`],
  ["https://storage.googleapis.com/other/a%20b", "https://storage.googleapis.com/other/a%20b"],
  ["HTTPS://Example.org", "https://example.org/"],
  ["https://ex\nample.org/a\tb c", "https://example.org/ab%20c"],
  ["https://example.org\\@127.0.0.1/", "https://example.org/@127.0.0.1/"],
  // What would become gs:// by being spelt properly was not judged as such.
  [`GS://corral/${object}`, `GS://corral/${object}`],
  ["not a url", "not a url"],
])("%s is written down as %s", (url, kept) => {
  expect(toKeptUrl(url, { bucket: "corral", endpoint: LOCAL })).toBe(kept);
});
