import { describe, expect, it } from "vitest";
import { requireFilter } from "../../../jobs/snowflake-to-duckdb/require-filter.ts";

describe("a filter condition", () => {
  it.each([
    "A = 1",
    "A = ')' AND B IN (1, 2)",
    "A = 'it''s \\') ;' OR \")\" = 2",
    "A > 1 -- the last ones )",
    "A > 1 /* ) ; */ AND (B OR C)",
    "A = $$ ) ' $$",
  ])("that is one is taken: %s", (condition) => {
    expect(requireFilter(condition)).toBe(condition);
  });

  it.each([
    ["1 = 1) OR (1 = 1", "closes a bracket"],
    ["(1 = 1", "leaves a bracket open"],
    ["1 = 1; DROP TABLE T", "semicolon"],
    ["A = 'x", "a quote is left open"],
    ["A = 'x\\'", "a quote is left open"],
    ['"A', "a quote is left open"],
    ["1 = 1 /*", "left open"],
    ["A = $$ x", "left open"],
    ["-- nothing", "empty"],
    [" ", "empty"],
  ])("that would not stay one in brackets is refused: %s", (condition, why) => {
    expect(() => requireFilter(condition)).toThrow(why);
  });
});
