import { type ApiDescription, type JsonSchema, resolve } from "./json-schema.ts";

/** Where a value does not fit its schema, and how; null when it fits. */
export function findMisfit(value: unknown, given: JsonSchema, api: ApiDescription, at = "$"): string | null {
  const schema = resolve(given, api);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    const misfits = choices.map((choice) => findMisfit(value, choice, api, at));
    return misfits.includes(null) ? null : misfits.join(" or ");
  }
  for (const part of schema.allOf ?? []) {
    const misfit = findMisfit(value, part, api, at);
    if (misfit !== null) return misfit;
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `${at} is none of ${schema.enum.join(", ")}`;
  if (schema.const !== undefined && schema.const !== value) return `${at} is not ${String(schema.const)}`;
  const types = [schema.type ?? []].flat();
  const type = typeOf(value);
  if (types.length > 0 && !types.includes(type) && !(type === "integer" && types.includes("number"))) {
    return `${at} is of type ${type}, not ${types.join(" or ")}`;
  }
  if (Array.isArray(value)) return findFirst(value.entries(), (key, one) => misfitOfItem(key, one));
  if (isObject(value)) {
    const missing = (schema.required ?? []).find((name) => !Object.hasOwn(value, name));
    if (missing !== undefined) return `${at} has no ${missing}`;
    return findFirst(Object.entries(value), (key, one) => misfitOfProperty(key, one));
  }
  return null;

  function misfitOfItem(key: number, one: unknown): string | null {
    return schema.items === undefined ? null : findMisfit(one, schema.items, api, `${at}[${key}]`);
  }
  function misfitOfProperty(key: string, one: unknown): string | null {
    const property = schema.properties?.[key] ?? schema.additionalProperties ?? true;
    if (property === false) return `${at} has ${key}, which is not described`;
    return property === true ? null : findMisfit(one, property, api, `${at}.${key}`);
  }
}

function findFirst<Key>(
  entries: Iterable<[Key, unknown]>,
  misfitOf: (key: Key, value: unknown) => string | null,
): string | null {
  for (const [key, value] of entries) {
    const misfit = misfitOf(key, value);
    if (misfit !== null) return misfit;
  }
  return null;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
