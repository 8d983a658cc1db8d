/**
 * So many of the rows, uniformly at random and without repetition, in random order; all of them when there are no more.
 * The same seed draws the same of the same rows, and fewer are the first of more.
 */
export function drawRows<Row>(rows: Row[], count: number, seed: number): Row[] {
  const random = randomNumbers(seed);
  const drawn = Math.min(count, rows.length);
  // Fisher and Yates's shuffle, stopped when enough are drawn; only moved places are kept.
  const moved = new Map<number, number>();
  return Array.from({ length: drawn }, (_, place) => {
    const chosen = place + Math.floor(random() * (rows.length - place));
    const index = moved.get(chosen) ?? chosen;
    moved.set(chosen, moved.get(place) ?? place);
    return rows[index];
  }).filter((row) => row !== undefined);
}

/** Numbers from 0 up to 1 by Mulberry32: 32 bits of state, which is plenty for ten thousand rows. */
function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed for whoever gives none. */
export const randomSeed = () => crypto.getRandomValues(new Uint32Array(1)).map((bits) => bits >>> 1)[0] ?? 0;

/** How many of a table's rows a sample's size stands for; a fraction of any rows is one row at least. */
export const toRowCount = (size: number, total: number) =>
  Math.min(size >= 1 ? size : Math.max(1, Math.round(size * total)), total);
