import { describe, expect, it } from "vitest";
import { rankDatasets, type Wishes } from "../../../jobs/kaggle-to-gcs/rank-datasets.ts";
import type { KaggleDataset } from "../../../shared/cloud/kaggle.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const WISHES: Wishes = { keywords: ["seattle", "weather"], maxBytes: 1e9, allowedLicenses: [] };
const PLAIN: KaggleDataset = {
  ref: "someone/things",
  title: "Things",
  subtitle: "",
  totalBytes: 1e6,
  downloadCount: 100,
  voteCount: 10,
  usabilityRating: 0.5,
  licenseName: "CC0-1.0",
  lastUpdated: "2025-01-01T00:00:00Z",
  currentVersionNumber: 3,
  tags: [],
};
const make = (facts: Partial<KaggleDataset>): KaggleDataset => ({ ...PLAIN, ...facts });
const rank = (datasets: Partial<KaggleDataset>[], wishes: Partial<Wishes> = {}) =>
  rankDatasets(datasets.map(make), { ...WISHES, ...wishes }, NOW);

describe("rankDatasets", () => {
  it("prefers a dataset that is about all keywords to a popular one that is about one", () => {
    const ranked = rank([
      { ref: "popular/weather", title: "Weather", downloadCount: 900_000, voteCount: 9000, usabilityRating: 1 },
      { ref: "modest/seattle-weather", title: "Seattle weather", downloadCount: 50, voteCount: 2 },
    ]);
    expect(ranked.map(({ ref }) => ref)).toEqual(["modest/seattle-weather", "popular/weather"]);
  });

  it.each<[trait: string, better: Partial<KaggleDataset>]>([
    ["downloads", { downloadCount: 100_000 }],
    ["votes", { voteCount: 5000 }],
    ["usability", { usabilityRating: 1 }],
    ["recency", { lastUpdated: "2025-12-31T00:00:00Z" }],
    ["size", { totalBytes: 5e8 }],
    ["keywords", { title: "Weather", tags: [{ name: "seattle" }] }],
  ])("prefers, all else equal, the dataset with more %s", (trait, better) => {
    const [first, second] = rank([
      { ref: "a/weather", title: "Weather" },
      { ref: "b/weather", title: "Weather", ...better },
    ]);
    expect(first?.ref).toBe("b/weather");
    const gained = Object.entries(first?.parts ?? {}).filter(
      ([part, value]) => value > (Object.entries(second?.parts ?? {}).find(([other]) => other === part)?.[1] ?? 0),
    );
    expect(gained.map(([part]) => part)).toEqual([trait]);
  });

  it("stores a score that is the sum of its parts, between 0 and 1", () => {
    const best = {
      downloadCount: 1e9,
      voteCount: 1e9,
      usabilityRating: 1,
      totalBytes: 9e8,
      lastUpdated: NOW.toISOString(),
    };
    const [perfect, plain] = rank([{ ref: "b/seattle-weather" }, { ref: "a/seattle-weather", ...best }]);
    for (const candidate of [perfect, plain])
      expect(candidate?.score).toBeCloseTo(
        Object.values(candidate?.parts ?? {}).reduce((sum, part) => sum + part, 0),
        4,
      );
    expect(perfect).toMatchObject({ ref: "a/seattle-weather", score: 1 });
    expect(plain?.score).toBeLessThan(1);
  });

  it("counts a keyword most in ref and title, less in tags, least in the subtitle", () => {
    const keywordsOf = (facts: Partial<KaggleDataset>) => rank([facts], { keywords: ["rain"] })[0]?.parts.keywords ?? 0;
    const inRef = keywordsOf({ ref: "a/rain" });
    const inTitle = keywordsOf({ title: "Rain" });
    const inTags = keywordsOf({ tags: [{ name: "rain" }] });
    const inSubtitle = keywordsOf({ subtitle: "Where rain falls" });
    expect(inRef).toBe(inTitle);
    expect(inTitle).toBeGreaterThan(inTags);
    expect(inTags).toBeGreaterThan(inSubtitle);
    expect(inSubtitle).toBeGreaterThan(0);
  });

  it.each([
    ["flight", "Flights of 2001"],
    ["AIRPORTS", "Every airport"],
    ["café", "Cafe visits"],
    ["new york", "New-York_taxis"],
    ["car", "Used cars"],
    ["taxes", "Every tax"],
    ["bus", "Buses of Oslo"],
  ])("finds the keyword %s in the title %s", (keyword, title) => {
    expect(rank([{ title }], { keywords: [keyword] })[0]?.rejected).toBeNull();
  });

  it.each([
    ["car", "Carbon emissions"],
    ["car", "Carl"],
    ["gas", "Ga"],
    ["los", "Loss"],
    ["new york", "York minster"],
  ])("does not find the keyword %s in the title %s", (keyword, title) => {
    expect(rank([{ title }], { keywords: [keyword] })[0]?.rejected).toBe("mentions none of the keywords");
  });

  it.each<[why: RegExp, facts: Partial<KaggleDataset>, wishes: Partial<Wishes>]>([
    [/larger than 1000000000 bytes/, { totalBytes: 1e9 + 1 }, {}],
    [/licence GPL-2 is not among CC0-1\.0/, { licenseName: "GPL-2" }, { allowedLicenses: ["CC0-1.0"] }],
    [/licence unknown is not among/, { licenseName: "" }, { allowedLicenses: ["CC0-1.0"] }],
    [/mentions none/, { ref: "a/b", title: "C" }, {}],
  ])("keeps one that may not be chosen, last, and says why: %s", (why, facts, wishes) => {
    const ranked = rank(
      [
        { ref: "bad/seattle-weather", title: "Seattle weather", downloadCount: 1e6, ...facts },
        { ref: "good/weather", downloadCount: 0 },
      ],
      wishes,
    );
    expect(ranked[0]).toMatchObject({ ref: "good/weather", rejected: null });
    expect(ranked[1]?.rejected).toMatch(why);
  });

  it("reads licence names in any case", () => {
    expect(rank([{ ref: "a/weather" }], { allowedLicenses: ["cc0-1.0"] })[0]?.rejected).toBeNull();
  });

  it("orders equal ones by ref, so that the choice does not depend on Kaggle's order", () => {
    const refs = ["c/weather", "a/weather", "b/weather"];
    expect(rank(refs.map((ref) => ({ ref }))).map(({ ref }) => ref)).toEqual(["a/weather", "b/weather", "c/weather"]);
  });
});
