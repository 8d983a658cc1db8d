import type { KaggleDataset } from "../../shared/cloud/kaggle.ts";
import { mentions, toWords } from "./words.ts";

/** What a project asks of its dataset. */
export interface Wishes {
  keywords: string[];
  maxBytes: number;
  /** Names as Kaggle writes them, in any case; empty allows all. */
  allowedLicenses: string[];
}

/** How much each trait can add to a score; together 1. */
const WEIGHTS = { keywords: 0.5, downloads: 0.15, votes: 0.1, usability: 0.1, recency: 0.1, size: 0.05 };
/** How much a keyword counts by where it is found; the best place counts. */
const PLACES = { ref: 1, title: 1, tags: 0.8, subtitle: 0.6 };

type Trait = keyof typeof WEIGHTS;

/** A dataset that was found, as it is stored with the run's result so that a person can see why one was chosen. */
export interface Candidate {
  ref: string;
  title: string;
  version: number;
  size_bytes: number;
  license: string;
  /** The sum of its parts, 0 to 1. */
  score: number;
  parts: Record<Trait, number>;
  /** Why it could not be chosen; null if it could. */
  rejected: string | null;
}

/** Orders datasets by how well they serve: those that may be chosen first, then by score, then by ref. */
export function rankDatasets(datasets: KaggleDataset[], wishes: Wishes, now: Date): Candidate[] {
  return datasets
    .map((dataset) => toCandidate(dataset, wishes, now))
    .sort(
      (a, b) =>
        Number(a.rejected !== null) - Number(b.rejected !== null) || b.score - a.score || (a.ref < b.ref ? -1 : 1),
    );
}

/** Judges one dataset, rounding to four decimals. */
export function toCandidate(dataset: KaggleDataset, wishes: Wishes, now: Date): Candidate {
  const traits = measure(dataset, wishes.keywords, now);
  const parts = {
    keywords: weigh("keywords", traits.keywords),
    downloads: weigh("downloads", traits.downloads),
    votes: weigh("votes", traits.votes),
    usability: weigh("usability", traits.usability),
    recency: weigh("recency", traits.recency),
    size: weigh("size", traits.size),
  };
  return {
    ref: dataset.ref,
    title: dataset.title,
    version: dataset.currentVersionNumber,
    size_bytes: dataset.totalBytes,
    license: dataset.licenseName,
    score: round(Object.values(parts).reduce((sum, part) => sum + part, 0)),
    parts,
    rejected: findObstacle(dataset, wishes, traits.keywords),
  };
}

/** Every trait from 0 to 1; counts and sizes by their order of magnitude. */
function measure(dataset: KaggleDataset, keywords: string[], now: Date): Record<Trait, number> {
  return {
    keywords: matchKeywords(dataset, keywords),
    downloads: clamp(Math.log10(1 + dataset.downloadCount) / 6),
    votes: clamp(Math.log10(1 + dataset.voteCount) / 4),
    usability: clamp(dataset.usabilityRating),
    recency: halveEveryTwoYears(Date.parse(dataset.lastUpdated), now),
    // From a kilobyte, which is a sample, to a hundred megabytes, from where on more is no better.
    size: clamp((Math.log10(Math.max(1, dataset.totalBytes)) - 3) / 5),
  };
}

/** The mean over the keywords of the best place where each is mentioned. */
function matchKeywords(dataset: KaggleDataset, keywords: string[]): number {
  if (keywords.length === 0) return 0;
  const places: [number, string[]][] = [
    [PLACES.ref, toWords(dataset.ref)],
    [PLACES.title, toWords(dataset.title)],
    [PLACES.tags, dataset.tags.flatMap(({ name }) => toWords(name))],
    [PLACES.subtitle, toWords(dataset.subtitle)],
  ];
  const best = keywords.map((keyword) =>
    Math.max(0, ...places.filter(([, words]) => mentions(words, keyword)).map(([weight]) => weight)),
  );
  return best.reduce((sum, weight) => sum + weight, 0) / keywords.length;
}

const TWO_YEARS_MS = 2 * 365.25 * 24 * 3600 * 1000;

function halveEveryTwoYears(updatedAt: number, now: Date): number {
  if (Number.isNaN(updatedAt)) return 0;
  return clamp(2 ** (-(now.getTime() - updatedAt) / TWO_YEARS_MS));
}

/** Why a dataset may not be chosen. */
export function findObstacle(dataset: KaggleDataset, wishes: Wishes, keywordMatch: number): string | null {
  const allowed = wishes.allowedLicenses.map((license) => license.toLowerCase());
  if (dataset.totalBytes > wishes.maxBytes) return `larger than ${wishes.maxBytes} bytes`;
  if (allowed.length > 0 && !allowed.includes(dataset.licenseName.toLowerCase()))
    return `licence ${dataset.licenseName || "unknown"} is not among ${wishes.allowedLicenses.join(", ")}`;
  if (wishes.keywords.length > 0 && keywordMatch === 0) return "mentions none of the keywords";
  return null;
}

const weigh = (trait: Trait, value: number) => round(WEIGHTS[trait] * value);
const round = (value: number) => Math.round(value * 10_000) / 10_000;
const clamp = (value: number) => Math.min(Math.max(value, 0), 1);
