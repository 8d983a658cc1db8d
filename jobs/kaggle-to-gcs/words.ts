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

function isAkin(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (short === long) return true;
  return short.length >= SHORTEST_STEM && long.length - short.length <= LONGEST_ENDING && long.startsWith(short);
}
