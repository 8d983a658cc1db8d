import { z } from "zod";
import type { Json } from "../../shared/db/database.types.ts";
import type { ClaimedQuery } from "../../shared/db/query-task.ts";
import { QUERY_FAILURES } from "./query-failure.ts";

/** A table that a query may read, by the names that the query knows it by. */
export interface GrantedTable {
  schema: string;
  table: string;
}

export type OutputFormat = ClaimedQuery["format"];

/** What is asked of a child, in this order; each once, and the first not of everyone. */
export type Command =
  /** To have these at hand, of which the query may turn out to read some, all or others. */
  | { ask: "hold"; files: string[] }
  | { ask: "judge"; sql: string; grants: GrantedTable[] }
  | {
      ask: "run";
      /** The files of the tables that it asked for, in its order. */
      files: string[];
      parameters: Json;
      format: OutputFormat;
      memoryMb: number;
      threads: number;
    };

const cell = z.union([z.null(), z.boolean(), z.number(), z.string()]);

const column = z.object({ name: z.string(), type: z.string() });
export type Column = z.output<typeof column>;

/**
 * What a child tells. It has read hostile SQL by then, so nothing is taken on trust; rows travel beside these, as text
 * of the form that was asked for.
 */
export const report = z.discriminatedUnion("tell", [
  z.object({ tell: z.literal("ready") }),
  z.object({ tell: z.literal("holds") }),
  /** Which of the granted tables the query reads, as positions in the list. */
  z.object({ tell: z.literal("reads"), tables: z.array(z.number().int().nonnegative()) }),
  z.object({ tell: z.literal("columns"), columns: z.array(column) }),
  z.object({ tell: z.literal("end"), rowCount: z.number().int().nonnegative(), preview: z.array(z.array(cell)) }),
  z.object({ tell: z.literal("failure"), code: z.enum(QUERY_FAILURES), message: z.string() }),
]);
export type Report = z.output<typeof report>;

export interface RowBlock {
  tell: "rows";
  rowCount: number;
  text: Buffer;
}
