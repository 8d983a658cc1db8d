import type { CompressionCodec, DecodedArray, PageHeader } from "hyparquet";
import { decompressPage, readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { readPlain } from "hyparquet/src/plain.js";
import { decompressors } from "./parquet-decompressors.ts";
import type { ParquetLeaf } from "./parquet-leaf.ts";
import type { Page } from "./parquet-pages.ts";

/** Rows of one column, as Parquet stores nesting: a value, or null, with its levels for each entry. */
export interface ColumnRows {
  values: unknown[];
  definitionLevels: number[];
  repetitionLevels: number[];
  maxDefinitionLevel: number;
}

interface DecodedPage {
  entries: number;
  /** Undefined where every entry has a value. */
  definition: Uint8Array | undefined;
  /** Undefined where every entry is a row. */
  repetition: Uint8Array | undefined;
  /** The values there are, or where in the dictionary they are. */
  values: DecodedArray;
  dictionary: DecodedArray | undefined;
}

/** Reads one column of a row group from its start, page by page, without changing a value. */
export class ParquetColumn {
  readonly #leaf: ParquetLeaf;
  readonly #codec: CompressionCodec;
  readonly #pages: AsyncIterator<Page>;
  #dictionary: DecodedArray | undefined;
  #page: DecodedPage | undefined;
  #entry = 0;
  #value = 0;

  constructor(leaf: ParquetLeaf, codec: CompressionCodec, pages: AsyncIterator<Page>) {
    this.#leaf = leaf;
    this.#codec = codec;
    this.#pages = pages;
  }

  /** Takes the next rows. */
  async take(rows: number): Promise<ColumnRows> {
    const { maxDefinition, maxRepetition } = this.#leaf;
    const taken: ColumnRows = {
      values: [],
      definitionLevels: [],
      repetitionLevels: [],
      maxDefinitionLevel: maxDefinition,
    };
    let begun = 0;
    for (;;) {
      // A row may go on in the next page only where it may hold several values.
      if (begun === rows && maxRepetition === 0) return taken;
      const page = await this.#current();
      if (page === undefined && begun === rows) return taken;
      if (page === undefined) throw new RangeError(`too few rows in column ${this.#leaf.name}`);
      begun = this.#takeFrom(page, rows, begun, taken);
      if (this.#entry < page.entries) return taken;
    }
  }

  #takeFrom(page: DecodedPage, rows: number, begun: number, taken: ColumnRows): number {
    const { maxDefinition, maxRepetition } = this.#leaf;
    const { entries, definition, repetition, values, dictionary } = page;
    let count = begun;
    for (; this.#entry < entries; this.#entry++) {
      const level = repetition?.[this.#entry] ?? 0;
      if (level === 0) {
        if (count === rows) break;
        count++;
      }
      const defined = definition?.[this.#entry] ?? maxDefinition;
      if (maxRepetition > 0) taken.repetitionLevels.push(level);
      if (maxDefinition > 0) taken.definitionLevels.push(defined);
      if (defined < maxDefinition) taken.values.push(null);
      else {
        const value = values[this.#value++];
        taken.values.push(dictionary === undefined ? value : dictionary[value]);
      }
    }
    return count;
  }

  async #current(): Promise<DecodedPage | undefined> {
    while (this.#page === undefined || this.#entry === this.#page.entries) {
      const next = await this.#pages.next();
      if (next.done === true) return undefined;
      this.#page = this.#decode(next.value);
      this.#entry = 0;
      this.#value = 0;
    }
    return this.#page;
  }

  /** Undefined for pages that hold no rows. */
  #decode({ header, bytes }: Page): DecodedPage | undefined {
    switch (header.type) {
      case "DICTIONARY_PAGE":
        this.#dictionary = this.#readDictionary(header, bytes);
        return undefined;
      case "DATA_PAGE":
      case "DATA_PAGE_V2":
        return this.#readData(header, bytes);
      default:
        return undefined;
    }
  }

  #readDictionary(header: PageHeader, bytes: Uint8Array): DecodedArray {
    const { type, type_length } = this.#leaf.physical;
    if (type === undefined || header.dictionary_page_header === undefined)
      throw new Error("a dictionary without a type");
    const page = decompressPage(bytes, header.uncompressed_page_size, this.#codec, decompressors);
    const reader = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: 0 };
    return readPlain(reader, type, header.dictionary_page_header.num_values, type_length);
  }

  #readData(header: PageHeader, bytes: Uint8Array): DecodedPage {
    const { physical, path, maxDefinition } = this.#leaf;
    const { data_page_header: v1, data_page_header_v2: v2 } = header;
    const { type } = physical;
    const described = v1 ?? v2;
    if (type === undefined || described === undefined) throw new Error("a page without a type");
    const decoder = {
      pathInSchema: [],
      type,
      element: physical,
      schemaPath: path,
      codec: this.#codec,
      compressors: decompressors,
      parsers: NO_PARSERS,
    };
    const { definitionLevels, repetitionLevels, dataPage } =
      v1 === undefined
        ? readDataPageV2(bytes, header, decoder)
        : readDataPage(decompressPage(bytes, header.uncompressed_page_size, this.#codec, decompressors), v1, decoder);
    const isCoded = described.encoding === "PLAIN_DICTIONARY" || described.encoding === "RLE_DICTIONARY";
    if (isCoded && this.#dictionary === undefined) throw new Error("a page without its dictionary");
    return {
      entries: described.num_values,
      definition: maxDefinition > 0 && definitionLevels?.length ? Uint8Array.from(definitionLevels) : undefined,
      repetition: repetitionLevels.length > 0 ? Uint8Array.from(repetitionLevels) : undefined,
      // A page may hold a million entries: as plain arrays they would take eight times the memory.
      ...(isCoded
        ? { values: Int32Array.from(dataPage), dictionary: this.#dictionary }
        : type === "BOOLEAN"
          ? { values: Uint8Array.from(dataPage), dictionary: BOOLEANS }
          : { values: dataPage, dictionary: undefined }),
    };
  }
}

const BOOLEANS = [false, true];

/** Nothing is interpreted, so nothing is parsed. */
const NO_PARSERS = {
  timestampFromMilliseconds: same,
  timestampFromMicroseconds: same,
  timestampFromNanoseconds: same,
  dateFromDays: same,
  stringFromBytes: same,
  jsonFromBytes: same,
  geometryFromBytes: same,
  geographyFromBytes: same,
  uuidFromBytes: same,
};

function same<T>(value: T): T {
  return value;
}
