import { z } from "zod";

/** A number as a path or a query has it. */
export const digits = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, "Input should be a valid integer")
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .meta({ type: "integer", minimum: min, maximum: max });

/** The number of something, as a path has it. */
export const idParams = z.object({ id: digits(0, Number.MAX_SAFE_INTEGER) });
