import { z } from "zod";

/** A whole number as text has it. */
export const wholeNumber = z
  .string()
  .regex(/^-?\d{1,16}$/, "Input should be a valid integer")
  .transform(Number);

/** A number as a path, a query or a form has it. */
export const digits = (min: number, max: number) =>
  wholeNumber.pipe(z.int().min(min).max(max)).meta({ type: "integer", minimum: min, maximum: max });

/** The number of something, as a path has it. */
export const idParams = z.object({ id: digits(0, Number.MAX_SAFE_INTEGER) });
