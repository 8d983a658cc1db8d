import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");

test("the README shows the loop in Python as it is", async () => {
  expect(await read("README.md")).toContain(await read("agent/twenty-lines.py"));
});
