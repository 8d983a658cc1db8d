/** Lets so many bytes be held at once; who wants more waits in line. */
export class ByteBudget {
  readonly #total: number;
  #taken = 0;
  readonly #line: { bytes: number; admit: () => void }[] = [];

  constructor(total: number) {
    this.#total = total;
  }

  /** Resolves, when there is room, to what gives it back; more than all there is counts as all. */
  async take(bytes: number): Promise<() => void> {
    const share = Math.min(bytes, this.#total);
    if (this.#line.length > 0 || this.#taken + share > this.#total) {
      await new Promise<void>((admit) => this.#line.push({ bytes: share, admit }));
    } else {
      this.#taken += share;
    }
    return () => this.#giveBack(share);
  }

  #giveBack(bytes: number): void {
    this.#taken -= bytes;
    for (let next = this.#line[0]; next !== undefined; next = this.#line[0]) {
      if (this.#taken + next.bytes > this.#total) return;
      this.#line.shift();
      this.#taken += next.bytes;
      next.admit();
    }
  }
}
