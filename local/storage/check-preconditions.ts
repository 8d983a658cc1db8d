import type { Preconditions } from "./records.ts";
import { invalid, notModified, preconditionFailed } from "./storage-error.ts";

interface Versions {
  generation: number;
  metageneration: number;
}

const NO_OBJECT = 0;

/**
 * Throws 412 when a condition on the live object fails; generation 0 stands for "there is none". What must differ and
 * does not is answered 304 on reads, as the JSON API does, and 412 on writes.
 */
export function checkPreconditions(
  current: Versions | undefined,
  conditions: Preconditions,
  operation: "read" | "write",
): void {
  const { ifGenerationMatch, ifGenerationNotMatch, ifMetagenerationMatch, ifMetagenerationNotMatch } = conditions;
  const generation = current?.generation ?? NO_OBJECT;
  const metageneration = current?.metageneration;
  if (ifGenerationMatch !== undefined && number(ifGenerationMatch) !== generation) throw preconditionFailed();
  if (ifMetagenerationMatch !== undefined && number(ifMetagenerationMatch) !== metageneration)
    throw preconditionFailed();
  if (
    (ifGenerationNotMatch !== undefined && number(ifGenerationNotMatch) === generation) ||
    (ifMetagenerationNotMatch !== undefined && number(ifMetagenerationNotMatch) === metageneration)
  ) {
    throw operation === "read" ? notModified() : preconditionFailed();
  }
}

function number(text: string): number {
  if (!/^\d{1,19}$/.test(text)) throw invalid(`Invalid value for a precondition: "${text}". It takes a whole number.`);
  return Number(text);
}
