interface Kept<Value> {
  value: Promise<Value>;
  /** 0 as long as it is on its way. */
  bytes: number;
}

export interface Loaded<Value> {
  value: Value;
  /** What keeping it costs. */
  bytes: number;
}

/** Keeps what was loaded under immutable names, the most recently used, so many bytes of it in all. */
export class ByteCache<Value> {
  readonly #maxBytes: number;
  readonly #kept = new Map<string, Kept<Value>>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What has that name; loaded once, however many ask meanwhile, and again after a failure. */
  get(name: string, load: () => Promise<Loaded<Value>>): Promise<Value> {
    const known = this.#kept.get(name);
    if (known !== undefined) {
      this.#kept.delete(name);
      this.#kept.set(name, known);
      return known.value;
    }
    const loading: Kept<Value> = { value: this.#load(name, load), bytes: 0 };
    this.#kept.set(name, loading);
    loading.value.catch(() => this.#kept.delete(name));
    return loading.value;
  }

  async #load(name: string, load: () => Promise<Loaded<Value>>): Promise<Value> {
    const { value, bytes } = await load();
    const kept = this.#kept.get(name);
    if (kept !== undefined) kept.bytes = bytes;
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#kept) {
      if (this.#bytes <= this.#maxBytes) break;
      if (freed === 0) continue;
      this.#kept.delete(oldest);
      this.#bytes -= freed;
    }
    return value;
  }
}
