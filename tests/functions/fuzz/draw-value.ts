import type { Random } from "../../chaos/random.ts";
import { type ApiDescription, type JsonSchema, resolve } from "./json-schema.ts";

/** Texts that somebody forgot to think of. */
const TEXTS = [
  "",
  " ",
  "a",
  "\u0000",
  "\ud800",
  "\udc00x",
  "🌧️",
  "ﬀ",
  "İ",
  "%00",
  "../..",
  "'; drop table x; --",
  '"quoted"',
  "select 1",
  "null",
  "-1",
  "1e400",
  "99999999999999999999",
  "\u202e",
  "{}",
  "*/5 * * * *",
  "YQ==",
  "\n",
  "__proto__",
];
const NUMBERS = [0, -0, 1, -1, 0.5, 1e-320, 1e15, 2 ** 31, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 1e308];
const MOMENTS = ["2026-11-21T08:00:00Z", "2026-11-21", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"];
const LONGEST = 4096;
const DEEPEST = 4;

export interface Draw {
  random: Random;
  api: ApiDescription;
  /** Values that mean something to the API, by what fields of that name hold. */
  known: Map<string, unknown[]>;
}

/** Draws a value that fits a schema, from its corners more often than from its middle. */
export function drawValue(given: JsonSchema, draw: Draw, name = "", depth = 0): unknown {
  const { random, api, known } = draw;
  const schema = resolve(given, api);
  const familiar = known.get(name);
  if (familiar !== undefined && random.chance(0.6)) return random.pick(familiar);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return drawValue(random.pick(choices) ?? {}, draw, name, depth);
  if (schema.allOf !== undefined)
    return Object.assign({}, ...schema.allOf.map((part) => drawValue(part, draw, name, depth)));
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return random.pick(schema.enum);
  switch (random.pick([schema.type ?? "any"].flat())) {
    case "null":
      return null;
    case "boolean":
      return random.chance(0.5);
    case "integer":
      return Math.trunc(drawNumber(schema, random));
    case "number":
      return drawNumber(schema, random);
    case "string":
      return drawText(schema, random);
    case "array":
      return drawItems(schema, draw, name, depth);
    case "object":
      return drawObject(schema, draw, depth);
    default:
      return drawAnything(random, depth);
  }
}

/** Any JSON value at all. */
export function drawAnything(random: Random, depth = 0): unknown {
  const nested = () => drawAnything(random, depth + 1);
  const kinds = [
    () => random.pick(TEXTS),
    () => random.pick(NUMBERS),
    () => random.chance(0.5),
    () => null,
    () => (depth < DEEPEST ? [nested(), nested()] : []),
    () => (depth < DEEPEST ? { [random.pick(TEXTS) ?? ""]: nested() } : {}),
  ];
  return random.pick(kinds)?.();
}

function drawNumber(schema: JsonSchema, random: Random): number {
  const low = schema.minimum ?? schema.exclusiveMinimum ?? -1e6;
  const high = schema.maximum ?? schema.exclusiveMaximum ?? 1e6;
  if (random.chance(0.3)) return random.chance(0.5) ? low : high;
  return random.chance(0.5) ? low + random.between(0, 10) : low + random.next() * (high - low);
}

function drawText({ format, minLength = 0, maxLength = LONGEST }: JsonSchema, random: Random): string {
  if (format === "date-time" || format === "date") return random.pick(MOMENTS) ?? "";
  if (format === "uuid") return `00000000-0000-4000-8000-${String(random.between(0, 1e9)).padStart(12, "0")}`;
  const text = random.pick(TEXTS) ?? "";
  const length = random.chance(0.1) ? Math.min(maxLength, LONGEST) : minLength;
  return text.padEnd(length, "x").slice(0, maxLength);
}

function drawItems(schema: JsonSchema, draw: Draw, name: string, depth: number): unknown[] {
  const { minItems = 0, maxItems = 100, items = {} } = schema;
  const length = Math.min(maxItems, minItems + draw.random.between(0, 3));
  return Array.from({ length }, () => drawValue(items, draw, name, depth + 1));
}

function drawObject(schema: JsonSchema, draw: Draw, depth: number): Record<string, unknown> {
  const { random } = draw;
  const { properties = {}, required = [], additionalProperties } = schema;
  const names = Object.keys(properties).filter((name) => required.includes(name) || random.chance(0.4));
  const drawn = names.map((name) => [name, drawValue(properties[name] ?? {}, draw, name, depth + 1)]);
  if (typeof additionalProperties === "object" && depth < DEEPEST) {
    drawn.push([random.pick(TEXTS), drawValue(additionalProperties, draw, "", depth + 1)]);
  }
  return Object.fromEntries(drawn);
}
