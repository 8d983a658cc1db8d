export interface ListOptions {
  prefix: string;
  delimiter: string;
  includeTrailingDelimiter: boolean;
  /** Names from here on, itself included. */
  startOffset: string;
  /** Names before this one; empty for all. */
  endOffset: string;
  maxResults: number;
  /** The last entry of the page before; empty for the first page. */
  after: string;
}

export interface ListPage {
  names: string[];
  prefixes: string[];
  /** The last entry of this page, when there are more. */
  next?: string;
}

/** Names in the order of Cloud Storage, which is that of their UTF-8 bytes. */
export class NameIndex {
  #sorted: string[] = [];
  /** Names added since the last listing: sorting them in once is cheaper than one by one. */
  #added = new Set<string>();
  #removed = new Set<string>();

  add(name: string): void {
    if (!this.#removed.delete(name)) this.#added.add(name);
  }

  remove(name: string): void {
    if (!this.#added.delete(name)) this.#removed.add(name);
  }

  /** One page of names, those with the delimiter after the prefix folded into prefixes. */
  list(options: ListOptions): ListPage {
    const { prefix, delimiter, endOffset, maxResults, after } = options;
    const sorted = this.#settle();
    const page: ListPage = { names: [], prefixes: [] };
    let last = "";
    let at = lowerBound(sorted, maxOf(prefix, options.startOffset));
    if (after !== "") at = Math.max(at, this.#skip(after, options));
    while (at < sorted.length) {
      const name = sorted[at] ?? "";
      if (!name.startsWith(prefix) || (endOffset !== "" && compareNames(name, endOffset) >= 0)) break;
      if (page.names.length + page.prefixes.length >= maxResults) return { ...page, next: last };
      const cut = delimiter === "" ? -1 : name.indexOf(delimiter, prefix.length);
      const folded = cut < 0 ? "" : name.slice(0, cut + delimiter.length);
      if (folded === "") {
        page.names.push(name);
        last = name;
        at++;
        continue;
      }
      page.prefixes.push(folded);
      last = folded;
      if (options.includeTrailingDelimiter && name === folded) page.names.push(name);
      at = this.#skip(folded, options);
    }
    return page;
  }

  /** Where the entries after a name, or after all that a folded prefix stands for, begin. */
  #skip(entry: string, { prefix, delimiter }: ListOptions): number {
    const isFolded = delimiter !== "" && entry.includes(delimiter, prefix.length);
    return partition(this.#sorted, (name) => compareNames(name, entry) <= 0 || (isFolded && name.startsWith(entry)));
  }

  #settle(): string[] {
    if (this.#added.size === 0 && this.#removed.size === 0) return this.#sorted;
    const kept = this.#removed.size === 0 ? this.#sorted : this.#sorted.filter((name) => !this.#removed.has(name));
    this.#sorted = this.#added.size === 0 ? kept : [...kept, ...this.#added].sort(compareNames);
    this.#added.clear();
    this.#removed.clear();
    return this.#sorted;
  }
}

/** Orders by UTF-8 bytes: as by UTF-16 units, except that surrogates come after the rest of the first plane. */
export function compareNames(first: string, second: string): number {
  const length = Math.min(first.length, second.length);
  for (let at = 0; at < length; at++) {
    const a = first.charCodeAt(at);
    const b = second.charCodeAt(at);
    if (a !== b) return rank(a) - rank(b);
  }
  return first.length - second.length;
}

function rank(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800;
  return unit >= 0xd800 ? unit + 0x2000 : unit;
}

function maxOf(first: string, second: string): string {
  return compareNames(first, second) >= 0 ? first : second;
}

function lowerBound(sorted: string[], from: string): number {
  return partition(sorted, (name) => compareNames(name, from) < 0);
}

/** The index of the first name for which the test fails; it holds for all names before. */
function partition(sorted: string[], test: (name: string) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (test(sorted[middle] ?? "")) low = middle + 1;
    else high = middle;
  }
  return low;
}
