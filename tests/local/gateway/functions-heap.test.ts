import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServedFunctions, serveFunctions } from "./functions-project.ts";

/** Keeps so many megabytes on the heap, without a pause in which anybody could look. */
const KEEP = `Deno.serve((request) => {
  const megabytes = Number(new URL(request.url).searchParams.get("megabytes"));
  const kept = [];
  while (kept.length < megabytes) kept.push(new Array(125_000).fill(Math.random()));
  return new Response(String(kept.length));
});`;

let functions: ServedFunctions;
beforeAll(async () => {
  functions = await serveFunctions({ keep: KEEP });
});
afterAll(() => functions?.close());

test.each([
  [100, 200],
  [500, 546],
])("a function that keeps %i MB on its heap is answered with %i", async (megabytes, status) => {
  const answer = await fetch(`${functions.url}/keep?megabytes=${megabytes}`);
  expect(answer.status).toBe(status);
});
