import { z } from "zod";

/** One fault of a request, in the shape that FastAPI's clients read: where, what, and a name for it. */
export const fieldFault = z
  .object({
    loc: z.array(z.union([z.string(), z.number()])),
    msg: z.string(),
    type: z.string(),
  })
  .meta({ id: "FieldFault" });

/** The one error body of every function: a message, or a list of faults under 422. */
export const errorReply = z
  .object({
    detail: z.union([z.string(), z.array(fieldFault)]),
    code: z.string(),
    request_id: z.string(),
  })
  .meta({ id: "Error" });

export type FieldFault = z.infer<typeof fieldFault>;
export type ErrorReply = z.infer<typeof errorReply>;

type Part = "body" | "path" | "query" | "header" | "cookie";

/** Zod's issues about a received value as FastAPI would report them. */
export function toFieldFaults(error: z.core.$ZodError, received: unknown, part: Part): FieldFault[] {
  return error.issues.map((issue) => {
    const path = issue.path.map((key) => (typeof key === "number" ? key : String(key)));
    return { loc: [part, ...path], ...describe(issue, valueAt(received, path) === undefined) };
  });
}

function describe(issue: z.core.$ZodIssue, isMissing: boolean): Pick<FieldFault, "msg" | "type"> {
  if (isMissing) return { msg: "Field required", type: "missing" };
  switch (issue.code) {
    case "invalid_type":
      return { msg: `Input should be a valid ${issue.expected}`, type: `${issue.expected}_type` };
    case "invalid_format":
      if (issue.format === "guid") return { msg: "Input should be a valid UUID", type: "uuid_parsing" };
      if (issue.format === "regex") return { msg: issue.message, type: "string_pattern_mismatch" };
      return { msg: issue.message, type: `${issue.format}_parsing` };
    case "too_small":
      if (issue.origin === "string") {
        const characters = issue.minimum === 1 ? "character" : "characters";
        return { msg: `String should have at least ${issue.minimum} ${characters}`, type: "string_too_short" };
      }
      return { msg: issue.message, type: "too_small" };
    case "too_big":
      if (issue.origin === "string") {
        return { msg: `String should have at most ${issue.maximum} characters`, type: "string_too_long" };
      }
      return { msg: issue.message, type: "too_big" };
    default:
      return { msg: issue.message, type: issue.code };
  }
}

function valueAt(value: unknown, path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined),
    value,
  );
}
