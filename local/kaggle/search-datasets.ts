import type { Dataset } from "./dataset.ts";
import type { ListQuery, SortOrder } from "./parse-call.ts";

/** Where a word may be found, and what finding it there is worth. */
const FIELDS: [weight: number, text: (dataset: Dataset) => string][] = [
  [5, (dataset) => dataset.title],
  [4, (dataset) => dataset.ref],
  [3, (dataset) => dataset.tags.join(" ")],
  [2, (dataset) => dataset.subtitle],
  [1, (dataset) => dataset.description],
];
const LICENSES: Record<string, RegExp> = {
  ALL: /.*/,
  CC: /^(CC|Attribution)/,
  GPL: /GPL/,
  ODB: /Open Database|ODbL|ODC/,
  OTHER: /^(?!CC|Attribution|.*GPL|.*Open Database|.*ODbL|.*ODC)/,
};
const MS_PER_YEAR = 365 * 24 * 3600 * 1000;

/** What a caller's query finds, sorted; a phrase finds what holds all of its words, in whatever field. */
export async function searchDatasets(
  datasets: Dataset[],
  query: ListQuery,
  caller: string | undefined,
): Promise<Dataset[]> {
  const words = wordsOf(query.search);
  const relevance = new Map(datasets.map((dataset) => [dataset, relevanceOf(dataset, words)]));
  const scoreOf = (dataset: Dataset) => relevance.get(dataset) ?? 0;
  const found = datasets.filter((one) => scoreOf(one) > 0 && isVisible(one, caller) && passes(one, query, caller));
  const keyOf = (dataset: Dataset) => (query.sortBy === "RELEVANCE" ? scoreOf(dataset) : KEYS[query.sortBy](dataset));
  const sorted = (await withinSize(found, query)).toSorted(
    (a, b) => keyOf(b) - keyOf(a) || b.downloadCount - a.downloadCount || a.ref.localeCompare(b.ref),
  );
  return query.sortBy === "LAST_VIEWED" ? sorted.filter((dataset) => dataset.lastViewed) : sorted;
}

/** Whether a caller may know of a dataset. */
export function isVisible(dataset: Dataset, caller: string | undefined): boolean {
  return !dataset.isPrivate || dataset.ownerSlug === caller;
}

const KEYS: Record<Exclude<SortOrder, "RELEVANCE">, (dataset: Dataset) => number> = {
  HOTTEST: (dataset) => dataset.voteCount * 0.5 ** (ageOf(dataset) / MS_PER_YEAR),
  VOTES: (dataset) => dataset.voteCount,
  UPDATED: (dataset) => dataset.current.creationDate.getTime(),
  ACTIVE: (dataset) => dataset.topicCount + dataset.kernelCount,
  PUBLISHED: (dataset) => dataset.versions[0]?.creationDate.getTime() ?? 0,
  LAST_VIEWED: (dataset) => dataset.lastViewed?.getTime() ?? 0,
  USABILITY: (dataset) => dataset.usabilityRating,
  DOWNLOAD_COUNT: (dataset) => dataset.downloadCount,
  NOTEBOOK_COUNT: (dataset) => dataset.kernelCount,
};

function ageOf(dataset: Dataset): number {
  return Date.now() - dataset.current.creationDate.getTime();
}

/** 0 when a word is nowhere; each word counts where it weighs most. */
function relevanceOf(dataset: Dataset, words: string[]): number {
  if (words.length === 0) return 1;
  const fields = FIELDS.map(([weight, text]) => ({ weight, words: wordsOf(text(dataset)) }));
  const weights = words.map((word) =>
    Math.max(0, ...fields.filter((field) => field.words.some((one) => one.startsWith(word))).map((one) => one.weight)),
  );
  return weights.includes(0) ? 0 : weights.reduce((sum, weight) => sum + weight, 0);
}

/** Lower-case words without their plural, so that `flights` finds `flight` and the other way round. */
function wordsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.map((word) => (word.length > 3 ? word.replace(/(?<!s)s$/, "") : word));
}

function passes(dataset: Dataset, query: ListQuery, caller: string | undefined): boolean {
  const mine = dataset.ownerSlug === caller;
  if (/^MY(_|$)/.test(query.group) && !mine) return false;
  if (query.group === "FEATURED" && !dataset.isFeatured) return false;
  if (query.group === "MY_PRIVATE" && !dataset.isPrivate) return false;
  if (query.group === "MY_PUBLIC" && dataset.isPrivate) return false;
  if (query.user !== "" && dataset.ownerSlug !== query.user) return false;
  if (!(LICENSES[query.license] ?? /$^/).test(dataset.licenseName)) return false;
  if (query.tagIds !== "" && !query.tagIds.split(",").every((tag) => dataset.tags.includes(tag.trim()))) return false;
  const extension = `.${query.fileType.toLowerCase().replace("_", "")}`;
  return query.fileType === "ALL" || dataset.current.files.some(({ name }) => name.endsWith(extension));
}

async function withinSize(datasets: Dataset[], { minSize = 0, maxSize = Infinity }: ListQuery): Promise<Dataset[]> {
  if (minSize === 0 && maxSize === Infinity) return datasets;
  const sizes = await Promise.all(datasets.map(async (dataset) => (await dataset.current.archive()).size));
  return datasets.filter((_, index) => {
    const size = sizes[index] ?? 0;
    return size >= minSize && size <= maxSize;
  });
}
