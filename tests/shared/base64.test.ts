import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../../shared/base64.ts";

/** Vitest's own comparison takes a second for so many bytes. */
const equals = (bytes: Buffer) => (found: Uint8Array | undefined) => found !== undefined && bytes.equals(found);

test.for([0, 1, 2, 3, 49_151, 49_152, 49_153, 200_000])("%i bytes come back as they went", (length) => {
  const bytes = randomBytes(length);
  expect(encodeBase64(bytes)).toBe(bytes.toString("base64"));
  expect(decodeBase64(bytes.toString("base64"))).toSatisfy(equals(bytes));
});

test("lines and a missing padding are forgiven", () => {
  const bytes = randomBytes(100_000);
  const lines = bytes.toString("base64").replace(/.{76}/g, "$&\r\n").replace(/=+$/, "");
  expect(decodeBase64(lines)).toSatisfy(equals(bytes));
});

test.for(["a", "abcde", "ab-_", "a=bc", "====", "é", "YQ==YQ==", `${"A".repeat(70_000)}!`])(
  "%s is no base64",
  (text) => {
    expect(decodeBase64(text)).toBeUndefined();
  },
);
