import { expect, test } from "vitest";
import { sameSecret } from "../../../shared/http/same-secret.ts";

test("secrets are the same only when every character is", async () => {
  expect(await sameSecret("s3cret", "s3cret")).toBe(true);
  expect(await sameSecret("s3cret", "s3creT")).toBe(false);
  expect(await sameSecret("s3cret", "s3cret ")).toBe(false);
  expect(await sameSecret("", "s3cret")).toBe(false);
});
