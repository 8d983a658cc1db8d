import type { ByteSource } from "./object-source.ts";

/** One task's result in our bucket. */
export interface ResultFile {
  /** How its owner knows it: `task 3`. */
  label: string;
  /** The object's name. */
  name: string;
  /** What it was made from; null when nobody knows. */
  rows: number | null;
  source: ByteSource;
}
