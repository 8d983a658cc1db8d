import { expect, test } from "vitest";
import { gsUrl, parseObjectUrl } from "../../../shared/cloud/object-url.ts";

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
    expect(parseObjectUrl(gsUrl({ bucket: "corral", object: name }))).toEqual({ bucket: "corral", object: name });
  }
});
