import { JobFailure } from "../job-failure.ts";

/** What may hide a bracket: texts, names, texts in dollars, comments. */
const OPAQUE = /'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|\$\$.*?\$\$|--[^\n]*|\/\/[^\n]*|\/\*.*?\*\//gs;

/** A condition that stays one when it is put in brackets; anything else is refused. */
export function requireFilter(condition: string): string {
  const bare = condition.replace(OPAQUE, " ");
  let depth = 0;
  for (const sign of bare) {
    if (sign === "(") depth++;
    if (sign === ")") depth--;
    if (depth < 0) throw refused("it closes a bracket that it did not open");
    if (sign === ";") throw refused("it holds a semicolon");
    if (sign === "'" || sign === '"') throw refused("a quote is left open");
  }
  if (depth > 0) throw refused("it leaves a bracket open");
  if (/\$\$|\/\*|\*\//.test(bare)) throw refused("a text or a comment is left open");
  if (bare.trim() === "") throw refused("it is empty");
  return condition;
}

const refused = (why: string) => new JobFailure("invalid_sync", `The filter_condition is no condition: ${why}.`);
