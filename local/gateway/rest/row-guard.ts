import type { DatabaseError } from "pg";
import type { Shape } from "./media-type.ts";
import { RestError } from "./rest-error.ts";

/** A condition on how many rows a statement gives or affects. */
export interface RowGuard {
  condition: string;
  code: keyof typeof REFUSALS;
}

const REFUSALS = {
  PGRST116: (rows: string) =>
    new RestError(406, {
      code: "PGRST116",
      message: "Cannot coerce the result to a single JSON object",
      details: `The result contains ${rows} rows`,
    }),
  PGRST124: (rows: string) =>
    new RestError(400, {
      code: "PGRST124",
      message: "Query result exceeds max-affected preference constraint",
      details: `The query affects ${rows} rows`,
    }),
};

/** Exactly one row where one object is asked for. */
export function singleRow(shape: Shape): RowGuard[] {
  return shape.singular ? [{ condition: "count(*) = 1", code: "PGRST116" }] : [];
}

export function atMost(rows: number | undefined): RowGuard[] {
  return rows === undefined ? [] : [{ condition: `count(*) <= ${rows}`, code: "PGRST124" }];
}

/**
 * A column that fails the statement when a guard does not hold, so that it is undone without another round trip.
 * Plain SQL cannot raise an error of its own; a text that is no number can.
 */
export function guardSql(guards: RowGuard[]): string {
  const cases = guards.map(({ condition, code }) => `when not ${condition} then ('pgrst:${code}:' || count(*))::int`);
  return cases.length === 0 ? "null" : `case ${cases.join(" ")} end`;
}

/** The refusal that a guard's failure stands for. */
export function guardRefusal({ code, message }: DatabaseError): RestError | undefined {
  const failure = code === "22P02" ? /"pgrst:(PGRST116|PGRST124):(\d+)"$/.exec(message) : null;
  if (failure === null) return undefined;
  return REFUSALS[failure[1] === "PGRST116" ? "PGRST116" : "PGRST124"](failure[2] ?? "");
}
