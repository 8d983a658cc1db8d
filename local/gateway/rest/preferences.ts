/** The `Prefer` header, as far as it is honoured; what is not known is ignored, as the standard asks. */
export interface Preferences {
  return: "minimal" | "representation" | "headers-only";
  count: boolean;
  resolution: "merge-duplicates" | "ignore-duplicates" | undefined;
  missingAsDefault: boolean;
  maxAffected: number | undefined;
  /** What the reply names in `Preference-Applied`. */
  applied: string[];
}

const HONOURED: Record<string, RegExp> = {
  return: /^(minimal|representation|headers-only)$/,
  count: /^(exact|planned|estimated)$/,
  resolution: /^(merge|ignore)-duplicates$/,
  missing: /^(default|null)$/,
  handling: /^(strict|lenient)$/,
  "max-affected": /^\d{1,9}$/,
};

/** Reads `Prefer`; a count that may be an estimate is answered exactly, which an estimate may be. */
export function parsePreferences(headers: Headers): Preferences {
  const given = new Map<string, string>();
  for (const preference of (headers.get("prefer") ?? "").split(",")) {
    const [name = "", value = ""] = preference.trim().split("=");
    if (HONOURED[name]?.test(value) && !given.has(name)) given.set(name, value);
  }
  const wanted = given.get("return");
  const resolution = given.get("resolution");
  const maxAffected = given.get("max-affected");
  return {
    return: wanted === "representation" || wanted === "headers-only" ? wanted : "minimal",
    count: given.has("count"),
    resolution: resolution === "merge-duplicates" || resolution === "ignore-duplicates" ? resolution : undefined,
    missingAsDefault: given.get("missing") === "default",
    maxAffected: given.get("handling") === "strict" && maxAffected !== undefined ? Number(maxAffected) : undefined,
    applied: [...given].map(([name, value]) => `${name}=${value}`),
  };
}
