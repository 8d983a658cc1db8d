import { describe, expect, it } from "vitest";
import { parseGoogHash } from "../../../shared/cloud/goog-hash.ts";

describe("parseGoogHash", () => {
  it.each([
    ["crc32c=z3Lzdw==,md5=XrY7u+Ae7tCTyyK7j1rNww==", { crc32c: "z3Lzdw==", md5: "XrY7u+Ae7tCTyyK7j1rNww==" }],
    ["md5=XrY7u+Ae7tCTyyK7j1rNww==, crc32c=z3Lzdw==", { crc32c: "z3Lzdw==", md5: "XrY7u+Ae7tCTyyK7j1rNww==" }],
    ["crc32c=z3Lzdw==", { crc32c: "z3Lzdw==" }],
    ["sha256=abc", {}],
    [undefined, {}],
  ])("reads %j", (header, hash) => {
    expect(parseGoogHash(header)).toEqual(hash);
  });
});
