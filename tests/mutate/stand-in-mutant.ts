/** One promise of a stand-in, broken. */
export interface StandInMutant {
  /** What no longer holds, as a sentence. */
  title: string;
  file: string;
  /** Text that stands in the file exactly once. */
  find: string;
  replace: string;
  /** The test files that stand for the promise. */
  tests: string[];
}
