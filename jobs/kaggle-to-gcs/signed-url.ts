/** A URL that expires, shared by all connections: whoever finds it stale gets it renewed once for everyone. */
export class SignedUrl {
  readonly #request: () => Promise<URL>;
  #current: Promise<URL> | undefined;

  constructor(request: () => Promise<URL>) {
    this.#request = request;
  }

  current(): Promise<URL> {
    this.#current ??= this.#request();
    return this.#current;
  }

  /** Drops the URL that was refused, unless another connection has already replaced it. */
  async drop(refused: URL): Promise<void> {
    const stale = this.#current;
    if (stale !== undefined && (await stale) === refused && this.#current === stale) this.#current = undefined;
  }
}
