const LONGEST_INTEGER = 32;

/** Reads a pickle's bytes one after another; throws where there are none. */
export class PickleCursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many bytes were read. */
  get position(): number {
    return this.#at;
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  uint32(): number {
    return this.take(4).readUInt32LE();
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Error("it ends too early");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end === -1) throw new Error("it ends too early");
    const line = this.#bytes.toString("utf8", this.#at, end);
    this.#at = end + 1;
    return line;
  }

  /** Two's complement, little-endian; a number where it is exact. */
  integer(length: number): number | bigint {
    if (length > LONGEST_INTEGER) throw new Error(`it has an integer of ${length} bytes`);
    const digits = Buffer.from(this.take(length)).reverse().toString("hex");
    const value = BigInt.asIntN(length * 8, BigInt(`0x0${digits}`));
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
}
