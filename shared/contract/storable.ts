import { z } from "zod";

/** What Postgres cannot store: NUL, and halves of characters. */
const STORABLE = /^[^\0\p{Cs}]*$/u;
const UNSTORABLE = "String should have no NUL and no half of a character";
/** Parsers follow values into each other only so far. */
const MAX_DEPTH = 32;
const UNSTORABLE_JSON = `Input should be nested ${MAX_DEPTH} deep at most, its strings without NUL and halves of characters`;
const NO_OBJECT = "Input should be an object";
const NO_ARRAY = "Input should be an array";

export type StorableJson = string | number | boolean | null | StorableJson[] | { [key: string]: StorableJson };

/** Text that Postgres can store, of so many characters at most. */
export const storableText = (max: number, min = 1) => z.string().min(min).max(max).regex(STORABLE, UNSTORABLE);

/** A JSON object that Postgres can store as jsonb, of so many characters at most. */
export const storableObject = (max: number) =>
  z
    .custom<{ [key: string]: StorableJson }>((value) => isObject(value) && isStorable(value), {
      error: ({ input }) => (isObject(input) ? UNSTORABLE_JSON : NO_OBJECT),
    })
    .refine((value) => JSON.stringify(value).length <= max, { error: `Input should have at most ${max} characters` })
    .meta({ type: "object", additionalProperties: true });

/** The same for an array. */
export const storableArray = (max: number) =>
  z
    .custom<StorableJson[]>((value) => Array.isArray(value) && isStorable(value), {
      error: ({ input }) => (Array.isArray(input) ? UNSTORABLE_JSON : NO_ARRAY),
    })
    .refine((value) => JSON.stringify(value).length <= max, { error: `Input should have at most ${max} characters` })
    .meta({ type: "array", items: {} });

const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether Postgres can store a JSON value as jsonb. */
function isStorable(value: unknown, depth = 0): value is StorableJson {
  if (typeof value === "string") return STORABLE.test(value);
  if (typeof value !== "object" || value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  return Object.entries(value).every(([key, one]) => STORABLE.test(key) && isStorable(one, depth + 1));
}
