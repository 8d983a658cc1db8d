/** A condition in a function's body: `body.slice(start, end)` is its text. */
export interface Condition {
  keyword: string;
  text: string;
  start: number;
  end: number;
}

/** What ends the condition that a keyword begins, outside its parentheses. */
const ENDS: Record<string, RegExp> = {
  if: /\bthen\b/iy,
  elsif: /\bthen\b/iy,
  when: /\bthen\b|;/iy,
  return: /;/y,
  where:
    /;|\b(?:then|loop|order\s+by|group\s+by|having|limit|offset|on\s+conflict|returning|union|for\s+(?:no\s+key\s+)?update|for\s+(?:key\s+)?share|end)\b/iy,
};

/** Finds what a body decides by: `if`, `when`, `where`, and what a boolean function returns. */
export function findConditions(body: string, returnsBoolean: boolean): Condition[] {
  const text = blankOut(body);
  const keywords = returnsBoolean ? /\b(if|elsif|when|where|return)\b/gi : /\b(if|elsif|when|where)\b/gi;
  return [...text.matchAll(keywords)].flatMap(({ 0: match, index }) => {
    const keyword = match.toLowerCase();
    if (!beginsCondition(text, keyword, index)) return [];
    const start = index + match.length;
    const end = endOf(text, start, ENDS[keyword] ?? /;/y);
    return body.slice(start, end).trim() === "" ? [] : [{ keyword, text: body.slice(start, end), start, end }];
  });
}

/** Not the `if` of `end if`, the `when` of an exception or of a `case` that compares a value, nor what names an index. */
function beginsCondition(text: string, keyword: string, index: number): boolean {
  const before = text.slice(0, index);
  if (keyword === "if") return !/\bend\s+$/i.test(before);
  if (keyword === "where") return !/\bon\s+conflict\s*\([^)]*\)\s*$/i.test(before);
  if (keyword !== "when") return true;
  if (/\b(?:continue|exit)\s+$/i.test(before)) return true;
  const owner = Math.max(before.lastIndexOf("exception"), before.search(/\bcase\b(?![\s\S]*\bcase\b)/i));
  return owner >= 0 && /^case\s+when\b/i.test(text.slice(owner));
}

function endOf(text: string, start: number, ending: RegExp): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "(") depth++;
    if (char === ")" && --depth < 0) return at;
    ending.lastIndex = at;
    // A nested `case … end` would end at its own words; none of ours stands outside parentheses.
    if (depth === 0 && ending.test(text)) return at;
  }
  return text.length;
}

/** The same text with strings and comments blanked, so that no word in them counts. */
function blankOut(body: string): string {
  return body.replace(/'(?:[^']|'')*'|--[^\n]*/g, (found) => found.replace(/[^\n]/g, " "));
}
