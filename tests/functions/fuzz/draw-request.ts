import type { Random } from "../../chaos/random.ts";
import { type Draw, drawAnything, drawValue } from "./draw-value.ts";
import type { Operation, Parameter } from "./json-schema.ts";

export interface DrawnRequest {
  path: string;
  method: string;
  headers: Record<string, string>;
  body?: string | Blob;
}

/** Nobody in these tests has patience. */
const WISHES = ["wait=0", "wait=0, respond-async", "wait", "wait=-1", "handling=lenient", "x".repeat(300)];
const MEDIA_TYPES = ["text/plain", "application/xml", "multipart/form-data", "application/json; charset=utf-16", ""];
const NO_UTF8 = new Blob([new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])]);

/** Draws a request of an operation: most fit its description, some are spoiled. */
export function drawRequest(path: string, method: string, operation: Operation, draw: Draw): DrawnRequest {
  const { random } = draw;
  const parameters = operation.parameters ?? [];
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  let filled = path;
  for (const parameter of parameters) {
    if (parameter.in !== "path" && parameter.required !== true && random.chance(0.5)) continue;
    const value = drawParameter(parameter, draw);
    if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeSegment(value));
    if (parameter.in === "query") query.append(parameter.name, value);
    if (parameter.in === "header") headers[parameter.name] = random.pick(WISHES) ?? "";
  }
  const search = query.size > 0 ? `?${query}` : "";
  return { path: `${filled}${search}`, method: method.toUpperCase(), headers, ...drawBody(operation, headers, draw) };
}

function drawParameter({ name, schema }: Parameter, draw: Draw): string {
  const value = draw.random.chance(0.15) ? drawAnything(draw.random) : drawValue(schema, draw, name);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A half of a character cannot stand in a path, and a segment of dots would be another path. */
const encodeSegment = (text: string) =>
  encodeURIComponent(Buffer.from(text).toString()).replace(/^\.{1,2}$/, "%2E") || "%20";

function drawBody(operation: Operation, headers: Record<string, string>, draw: Draw): Pick<DrawnRequest, "body"> {
  const { random } = draw;
  const [content] = Object.entries(operation.requestBody?.content ?? {});
  if (content === undefined) return {};
  const [mediaType, { schema }] = content;
  headers["content-type"] = random.chance(0.03) ? (random.pick(MEDIA_TYPES) ?? "") : mediaType;
  if (random.chance(0.02)) return {};
  if (random.chance(0.02)) return { body: NO_UTF8 };
  if (random.chance(0.02)) return { body: `{"a":`.repeat(random.between(1, 5000)) };
  const value = drawValue(schema, draw);
  if (random.chance(0.3)) spoil(value, random);
  if (mediaType === "application/json")
    return { body: JSON.stringify(random.chance(0.03) ? drawAnything(random) : value) };
  const fields = Object.entries(typeof value === "object" && value !== null ? value : {});
  return { body: new URLSearchParams(fields.map(([name, one]) => [name, String(one)])).toString() };
}

/** Takes a field away, puts another in its place, or adds one that nobody knows, somewhere inside. */
function spoil(value: unknown, random: Random): void {
  if (typeof value !== "object" || value === null) return;
  const name = random.pick(Object.keys(value));
  const inner = name === undefined ? undefined : Reflect.get(value, name);
  if (name === undefined || random.chance(0.2)) {
    Reflect.set(value, "unheard_of", drawAnything(random));
  } else if (typeof inner === "object" && inner !== null && random.chance(0.6)) {
    spoil(inner, random);
  } else if (random.chance(0.4)) {
    Reflect.deleteProperty(value, name);
  } else {
    Reflect.set(value, name, drawAnything(random));
  }
}
