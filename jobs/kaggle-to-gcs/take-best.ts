import type { ErrorCode } from "../../shared/errors.ts";
import { JobFailure } from "../job-failure.ts";
import type { Found } from "./find-dataset.ts";
import type { Candidate } from "./rank-datasets.ts";

/** How many candidates are asked for before the search counts as vain. */
const MAX_TRIED = 5;
/** Failures that are the dataset's own: another one may do. */
const NOT_TO_BE_HAD: ErrorCode[] = [
  "dataset_too_large",
  "kaggle_archive_missing",
  "kaggle_dataset_not_found",
  "kaggle_forbidden",
];

/**
 * Takes the best candidate that can be had: one that Kaggle lists but does not give away makes room for the next, with a
 * warning. When there is none, the failure is that of the best.
 */
export async function takeBest<T>(
  found: Found,
  take: (candidate: Candidate) => Promise<T>,
  warn: (line: string) => Promise<void>,
): Promise<Found & { taken: T }> {
  const eligible = found.candidates.filter(({ rejected }) => rejected === null).slice(0, MAX_TRIED);
  const refusals = new Map<string, JobFailure>();
  for (const chosen of eligible) {
    try {
      const taken = await take(chosen);
      return { taken, chosen, candidates: reject(found.candidates, refusals) };
    } catch (error) {
      if (!(error instanceof JobFailure) || !NOT_TO_BE_HAD.includes(error.code)) throw error;
      refusals.set(chosen.ref, error);
      if (refusals.size < eligible.length) await warn(`Passing over ${chosen.ref}: ${error.message}`);
    }
  }
  throw joinRefusals(refusals);
}

/** Those that were refused go behind those that may still be chosen. */
function reject(candidates: Candidate[], refusals: Map<string, JobFailure>): Candidate[] {
  return candidates
    .map((candidate) => ({ ...candidate, rejected: refusals.get(candidate.ref)?.message ?? candidate.rejected }))
    .sort((a, b) => Number(a.rejected !== null) - Number(b.rejected !== null));
}

function joinRefusals(refusals: Map<string, JobFailure>): Error {
  const [best] = refusals;
  if (best === undefined) return new Error("What was found has no candidate that may be chosen");
  const [ref, failure] = best;
  if (refusals.size === 1) return failure;
  const message = `None of the ${refusals.size} best datasets can be had. The best is ${ref}: ${failure.message}`;
  return new JobFailure(failure.code, message, { cause: failure });
}
