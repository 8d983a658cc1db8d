import { describe, expect, test } from "vitest";
import { compareNames, type ListOptions, NameIndex } from "../../../local/storage/name-index.ts";

const ALL: ListOptions = {
  prefix: "",
  delimiter: "",
  includeTrailingDelimiter: false,
  startOffset: "",
  endOffset: "",
  maxResults: 1000,
  after: "",
};

/** Numbers that look random and are the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Listing as one would define it, entry by entry, without an index. */
function listPlainly(names: Set<string>, { prefix, delimiter, startOffset, endOffset }: ListOptions) {
  const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const before = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
  const entries = sorted
    .filter((name) => name.startsWith(prefix) && !before(name, startOffset))
    .filter((name) => endOffset === "" || before(name, endOffset))
    .map((name) => {
      const cut = delimiter === "" ? -1 : name.indexOf(delimiter, prefix.length);
      return cut < 0 ? { name } : { prefix: name.slice(0, cut + delimiter.length) };
    });
  return {
    names: entries.flatMap((entry) => entry.name ?? []),
    prefixes: [...new Set(entries.flatMap((entry) => entry.prefix ?? []))],
  };
}

function listInPages(index: NameIndex, options: ListOptions) {
  const names: string[] = [];
  const prefixes: string[] = [];
  for (let after: string | undefined = ""; after !== undefined; ) {
    const page = index.list({ ...options, after });
    names.push(...page.names);
    prefixes.push(...page.prefixes);
    after = page.next;
  }
  return { names, prefixes };
}

describe("a name index", () => {
  test("lists what is there like a plain scan, through any changes, prefixes, delimiters, offsets and page sizes", () => {
    const random = numbers(7);
    const pick = (from: string[]) => from[random(from.length)] ?? "";
    const alphabet = ["a", "b", "/", "//", "-", "é", "ﬀ", "🐎", "\u0000"];
    const word = () => Array.from({ length: 1 + random(5) }, () => pick(alphabet)).join("");
    const index = new NameIndex();
    const names = new Set<string>();
    for (let round = 0; round < 400; round++) {
      for (let change = random(6); change > 0; change--) {
        const name = word();
        if (names.has(name)) {
          names.delete(name);
          index.remove(name);
        } else {
          names.add(name);
          index.add(name);
        }
      }
      const options = {
        ...ALL,
        prefix: pick(["", "", "a", "a/", "é"]),
        delimiter: pick(["", "/", "//", "b"]),
        startOffset: pick(["", "", word()]),
        endOffset: pick(["", "", word()]),
        maxResults: 1 + random(7),
      };
      expect(listInPages(index, options), JSON.stringify(options)).toEqual(listPlainly(names, options));
    }
    expect(names.size).toBeGreaterThan(100);
  });

  test("a page token that names what was deleted meanwhile goes on behind it", () => {
    const index = new NameIndex();
    for (const name of ["a", "b", "c"]) index.add(name);
    const { next } = index.list({ ...ALL, maxResults: 2 });
    index.remove("b");
    expect(index.list({ ...ALL, after: next ?? "" }).names).toEqual(["c"]);
  });
});

test("names compare as their UTF-8 bytes do", () => {
  const names = ["", "a", "ab", "b", "\ud7ff", "\ue000", "\uffff", "😀", "😁", "a😀", "a\uffff"];
  for (const a of names) {
    for (const b of names) {
      expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }
  }
});
