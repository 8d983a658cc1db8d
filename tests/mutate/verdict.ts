/** What became of one mutant. */
export interface Verdict {
  title: string;
  /** `invalid`: it did not compile, boot or make sense to Postgres, so that no test could judge it. */
  outcome: "noticed" | "survived" | "invalid";
  /** The test that noticed, or why the mutant is invalid. */
  detail: string;
}

/** Told of each verdict as it falls. */
export type Show = (verdict: Verdict) => void;
