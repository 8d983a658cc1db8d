/** What a part of a column's profile adds to its SQL. */
export interface ProfilePart {
  /** Computed, each with its name, of what the one pass over all values says, which is `pass` afterwards. */
  plan: string[];
  /** What else is read of the values, for a WITH. */
  subqueries: string[];
  /** The names of those of one row that have the figures. */
  relations: string[];
  figures: Record<string, string>;
}
