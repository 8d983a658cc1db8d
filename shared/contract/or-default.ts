import type { z } from "zod";

/** A field that has a value where nobody gives one, and where null is given. */
export const orDefault = <Schema extends z.ZodType>(schema: Schema, value: z.output<Schema>) =>
  schema
    .nullish()
    .transform((given) => given ?? value)
    .meta({ default: value });
