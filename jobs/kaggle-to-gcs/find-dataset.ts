import type { Kaggle, KaggleDataset } from "../../shared/cloud/kaggle.ts";
import { JobFailure } from "../job-failure.ts";
import { callKaggle } from "./call-kaggle.ts";
import { type Candidate, findObstacle, rankDatasets, toCandidate, type Wishes } from "./rank-datasets.ts";
import { requireSize } from "./size-limit.ts";
import { joinWithin } from "./words.ts";

export interface Found {
  chosen: Candidate;
  /** All that were judged, the chosen one first. */
  candidates: Candidate[];
}

export interface FindOptions extends Wishes {
  /** A dataset that the project names itself; nothing is searched then. */
  ref: string | null;
  now: Date;
  signal: AbortSignal;
}

/** Searches of one stage, beyond which more keywords bring more calls than insight. */
const MAX_SEARCHES = 8;
const SEARCHES_AT_ONCE = 3;
const MAX_CANDIDATES_KEPT = 20;
/** Characters of a phrase that is searched for, and of keywords where people read them. */
const MAX_PHRASE_LENGTH = 200;

/** Finds the dataset to ingest: the one that is named, or the best of what Kaggle finds for the keywords. */
export async function findDataset(kaggle: Kaggle, options: FindOptions): Promise<Found> {
  if (options.ref !== null) return takeNamed(kaggle, options.ref, options);
  for (const phrases of toStages(options.keywords)) {
    const datasets = await searchAll(kaggle, phrases, options);
    const candidates = rankDatasets(datasets, options, options.now).slice(0, MAX_CANDIDATES_KEPT);
    const [best] = candidates;
    if (best !== undefined && best.rejected === null) return { chosen: best, candidates };
  }
  const keywords = describeKeywords(options.keywords);
  throw new JobFailure(
    "no_suitable_dataset",
    keywords === ""
      ? "No suitable dataset found: the project has no search keywords. Add some, or name one as kaggle_ref."
      : `No suitable dataset found on Kaggle for ${keywords}. Try other keywords, or name one as kaggle_ref.`,
  );
}

/** Keywords as people read them: `rain, sun`, or `rain, sun and 4998 more`; empty when there are none. */
export function describeKeywords(keywords: string[]): string {
  const { text, left } = joinWithin(keywords, ", ", MAX_PHRASE_LENGTH);
  return left === 0 ? text : `${text} and ${left} more`;
}

const toPhrase = (words: string[]) => joinWithin(words, " ", MAX_PHRASE_LENGTH).text;

/** What to search for, in this order until something fits: the whole phrase, single keywords, adjacent pairs. */
export function toStages(keywords: string[]): string[][] {
  const words = keywords.map((keyword) => keyword.trim()).filter((keyword) => keyword !== "");
  if (words.length === 0) return [];
  const pairs = words.slice(1).map((word, index) => [words[index] ?? "", word]);
  const stages = [[words], words.map((word) => [word]), pairs];
  const seen = new Set<string>();
  return stages
    .map((stage) =>
      stage
        .map(toPhrase)
        .filter((phrase) => !seen.has(phrase) && seen.add(phrase))
        .slice(0, MAX_SEARCHES),
    )
    .filter((stage) => stage.length > 0);
}

async function searchAll(kaggle: Kaggle, phrases: string[], { maxBytes, signal }: FindOptions) {
  const found = new Map<string, KaggleDataset>();
  const queue = phrases.values();
  const work = async () => {
    for (const phrase of queue) {
      const datasets = await callKaggle(() => kaggle.searchDatasets(phrase, maxBytes, signal), signal);
      for (const dataset of datasets) found.set(dataset.ref, dataset);
    }
  };
  await Promise.all(Array.from({ length: SEARCHES_AT_ONCE }, work));
  return [...found.values()];
}

async function takeNamed(kaggle: Kaggle, ref: string, options: FindOptions): Promise<Found> {
  if (!/^[\w.-]+\/[\w.-]+$/.test(ref))
    throw new JobFailure("kaggle_ref_invalid", `kaggle_ref "${ref}" is no Kaggle dataset. Write it as owner/name.`);
  const dataset = await callKaggle(() => kaggle.getDataset(ref, options.signal), options.signal);
  requireSize(ref, dataset.totalBytes, options.maxBytes);
  // Whoever names a dataset has chosen it whatever its keywords; size and licence still bind.
  const obstacle = findObstacle(dataset, { ...options, keywords: [] }, 0);
  if (obstacle !== null)
    throw new JobFailure(
      "license_not_allowed",
      `Cannot ingest ${ref}: ${obstacle}. Allow it in allowed_licenses or choose another one.`,
    );
  const chosen = { ...toCandidate(dataset, options, options.now), rejected: null };
  return { chosen, candidates: [chosen] };
}
