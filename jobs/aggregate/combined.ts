import type { Json } from "../../shared/db/database.types.ts";

/** What is to be stored as a job's result, as it comes into being. */
export interface Combined {
  extension: string;
  contentType: string;
  content: AsyncIterable<Uint8Array>;
  /** For the job's owner; complete when the content has come to its end. */
  details: () => Record<string, Json>;
}
