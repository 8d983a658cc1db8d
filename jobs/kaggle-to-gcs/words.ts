/** The words of a text, lower case, without accents or punctuation; "nyc-taxi_2019" has three. */
export function toWords(text: string): string[] {
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** Whether a text has all words of a keyword; plurals and other short endings do not count as different. */
export function mentions(words: string[], keyword: string): boolean {
  const wanted = toWords(keyword);
  return wanted.length > 0 && wanted.every((word) => words.some((other) => isAkin(word, other)));
}

const LONGEST_ENDING = 3;
const SHORTEST_STEM = 4;
/** So that a gas is not two ga; a shorter stem than that of other endings, since a plural adds so little. */
const SHORTEST_SINGULAR = 3;

function isAkin(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (short === long) return true;
  if (short.length >= SHORTEST_SINGULAR && long === short + (/[sxz]$/.test(short) ? "es" : "s")) return true;
  return short.length >= SHORTEST_STEM && long.length - short.length <= LONGEST_ENDING && long.startsWith(short);
}

/**
 * The first words that fit into so many characters, joined, and how many are left; of a first one that is longer, its
 * beginning.
 */
export function joinWithin(words: string[], separator: string, length: number): { text: string; left: number } {
  const [first = "", ...others] = words;
  // Half a character could not be stored.
  let text = first.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
  for (const [index, word] of others.entries()) {
    if (text.length + separator.length + word.length > length) return { text, left: others.length - index };
    text += separator + word;
  }
  return { text, left: 0 };
}
