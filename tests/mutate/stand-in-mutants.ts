export interface StandInMutant {
  /** The promise that is broken. */
  title: string;
  file: string;
  /** Text that stands in the file; its first occurrence is replaced. */
  find: string;
  replace: string;
  /** Test files that stand for the promise. */
  tests: string[];
}

export const STAND_IN_MUTANTS: StandInMutant[] = [];
