import { describe, expect, it } from "vitest";
import { toStages } from "../../../jobs/kaggle-to-gcs/find-dataset.ts";

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
});
