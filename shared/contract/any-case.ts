import { z } from "zod";

/** One of some words in small letters, which may be written in capitals, too. */
export const anyCase = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z
    .string()
    .transform((word) => word.toLowerCase())
    .pipe(z.enum(words))
    .meta({ type: "string", enum: [...words, ...words.map((word) => word.toUpperCase())] });
