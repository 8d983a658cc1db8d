/** Told how far the reading of a table is. */
export interface ReadWatch {
  onBytes(count: number): void;
  onRows(count: number): void;
}
