import { describe, expect, it } from "vitest";
import { describeKeywords, toStages } from "../../../jobs/kaggle-to-gcs/find-dataset.ts";

describe("toStages", () => {
  it("searches for the phrase, then single keywords, then adjacent pairs", () => {
    expect(toStages(["late", "flights", "delays"])).toEqual([
      ["late flights delays"],
      ["late", "flights", "delays"],
      ["late flights", "flights delays"],
    ]);
  });

  it("searches for nothing twice", () => {
    expect(toStages(["weather"])).toEqual([["weather"]]);
    expect(toStages(["seattle", "weather"])).toEqual([["seattle weather"], ["seattle", "weather"]]);
  });

  it("ignores blank keywords and searches for nothing without any", () => {
    expect(toStages([" rain ", "", "  "])).toEqual([["rain"]]);
    expect(toStages([])).toEqual([]);
  });

  it("searches for no more than Kaggle reads, of however many and however long keywords", () => {
    const [phrase, ...stages] = toStages(Array.from({ length: 5000 }, (_, index) => `word${index}`));
    expect(phrase?.[0]).toMatch(/^word0 word1 .* word\d+$/);
    expect(phrase?.[0]?.length).toBeLessThanOrEqual(200);
    expect(stages.map((stage) => stage.length)).toEqual([8, 8]);
    expect(toStages(["a".repeat(5000)])).toEqual([["a".repeat(200)]]);
    expect(toStages([`${"a".repeat(199)}\u{1f30a}`])).toEqual([["a".repeat(199)]]);
  });
});

describe("describeKeywords", () => {
  it("names few keywords all, and of many the first and how many more there are", () => {
    expect(describeKeywords([])).toBe("");
    expect(describeKeywords(["rain", "sun"])).toBe("rain, sun");
    const many = describeKeywords(Array.from({ length: 5000 }, () => "word"));
    expect(many).toMatch(/^word, word, .* and 4967 more$/);
    expect(many.length).toBeLessThan(250);
  });
});
