/** Works on so many items at once, and gives what came of them in the items' order. */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const begun: Promise<R>[] = [];
  for (const item of items) {
    const result = work(item);
    // One that fails is heard of in its turn, or never when an earlier one ends everything.
    result.catch(() => undefined);
    begun.push(result);
    const next = begun.length < atOnce ? undefined : begun.shift();
    if (next !== undefined) yield await next;
  }
  for (const result of begun) yield await result;
}
