import { describe, expect, it } from "vitest";
import { JobFailure } from "../../../jobs/job-failure.ts";
import type { Candidate } from "../../../jobs/kaggle-to-gcs/rank-datasets.ts";
import { takeBest } from "../../../jobs/kaggle-to-gcs/take-best.ts";
import type { ErrorCode } from "../../../shared/errors.ts";

const make = (ref: string, rejected: string | null = null): Candidate => ({
  ref,
  title: ref,
  version: 1,
  size_bytes: 1,
  license: "CC0-1.0",
  score: 0.5,
  parts: { keywords: 0.5, downloads: 0, votes: 0, usability: 0, recency: 0, size: 0 },
  rejected,
});

/** Takes the best of candidates of which some fail, and keeps what was tried and said. */
async function take(candidates: Candidate[], failures: Record<string, ErrorCode>) {
  const [chosen = make("none")] = candidates;
  const tried: string[] = [];
  const lines: string[] = [];
  const outcome = await takeBest(
    { chosen, candidates },
    async ({ ref }) => {
      tried.push(ref);
      const code = failures[ref];
      if (code !== undefined) throw new JobFailure(code, `${ref} is a ${code}.`);
      return `bytes of ${ref}`;
    },
    async (line) => void lines.push(line),
  ).catch((error: unknown) => error);
  return { outcome, tried, lines };
}

describe("takeBest", () => {
  it("takes the best when it can be had", async () => {
    const candidates = [make("a/a"), make("b/b")];
    expect(await take(candidates, {})).toEqual({
      outcome: { taken: "bytes of a/a", chosen: candidates[0], candidates },
      tried: ["a/a"],
      lines: [],
    });
  });

  it.each<ErrorCode>(["kaggle_forbidden", "kaggle_archive_missing", "kaggle_dataset_not_found", "dataset_too_large"])(
    "passes one over that ends with %s, says so, and puts it behind the others",
    async (code) => {
      const { outcome, lines } = await take([make("a/a"), make("b/b"), make("c/c"), make("d/d", "too dear")], {
        "a/a": code,
      });
      expect(outcome).toMatchObject({
        taken: "bytes of b/b",
        chosen: { ref: "b/b" },
        candidates: [
          { ref: "b/b", rejected: null },
          { ref: "c/c", rejected: null },
          { ref: "a/a", rejected: `a/a is a ${code}.` },
          { ref: "d/d", rejected: "too dear" },
        ],
      });
      expect(lines).toEqual([`Passing over a/a: a/a is a ${code}.`]);
    },
  );

  it.each<ErrorCode>(["kaggle_unauthorized", "kaggle_rate_limited", "checksum_mismatch", "storage_forbidden"])(
    "tries no other after %s, which is not the dataset's own",
    async (code) => {
      const { outcome, tried } = await take([make("a/a"), make("b/b")], { "a/a": code });
      expect(outcome).toMatchObject({ code, message: `a/a is a ${code}.` });
      expect(tried).toEqual(["a/a"]);
    },
  );

  it("fails as it is when there is no other", async () => {
    const { outcome, lines } = await take([make("a/a"), make("b/b", "too dear")], { "a/a": "kaggle_forbidden" });
    expect(outcome).toMatchObject({ code: "kaggle_forbidden", message: "a/a is a kaggle_forbidden." });
    expect(lines).toEqual([]);
  });

  it("fails for the reason of the best when none of the five best can be had", async () => {
    const refs = ["a/a", "b/b", "c/c", "d/d", "e/e", "f/f"];
    const failures = Object.fromEntries(refs.map((ref) => [ref, "dataset_too_large" as const]));
    const { outcome, tried, lines } = await take(
      refs.map((ref) => make(ref)),
      { ...failures, "a/a": "kaggle_forbidden" },
    );
    expect(outcome).toMatchObject({
      code: "kaggle_forbidden",
      message: "None of the 5 best datasets can be had. The best is a/a: a/a is a kaggle_forbidden.",
    });
    expect(tried).toEqual(refs.slice(0, 5));
    expect(lines).toHaveLength(4);
  });
});
