import { JobFailure } from "../../job-failure.ts";
import type { Combined } from "../combined.ts";
import { mapAhead } from "../map-ahead.ts";
import type { ResultFile } from "../result-file.ts";
import { describeSchema, FILE, MAGIC, moveRowGroup, type ParquetFooter, readFooter } from "./parquet-footer.ts";
import { TYPE } from "./thrift.ts";
import { writeListHead, writeThrift } from "./write-thrift.ts";

const FOOTERS_AT_ONCE = 8;
/** Its length is a number of 32 bits, signed in some readers. */
const LONGEST_FOOTER = 2 ** 31 - 1;

/**
 * Parquet files behind each other: their row groups as they are, byte by byte, and one footer. Nothing is decoded, so
 * that every type, encoding and compression stays what it was. What the footer says beside that is the first result's.
 */
export function joinParquet(results: ResultFile[]): Combined {
  const progress = { rows: 0, row_groups: 0 };
  return {
    extension: "parquet",
    contentType: "application/vnd.apache.parquet",
    content: generate(results, progress),
    details: () => ({ format: "parquet", ...progress }),
  };
}

async function* generate(
  results: ResultFile[],
  progress: { rows: number; row_groups: number },
): AsyncGenerator<Uint8Array> {
  let first: Described | undefined;
  const rowGroups: Buffer[] = [];
  let rows = 0n;
  let position = MAGIC.length;
  yield MAGIC;
  for await (const { result, footer } of mapAhead(results, FOOTERS_AT_ONCE, async (result) => ({
    result,
    footer: await readFooter(result),
  }))) {
    const { label, source } = result;
    const described = { label, footer };
    first ??= described;
    requireSameSchema(first, described);
    for (const group of footer.rowGroups) rowGroups.push(moveRowGroup(group, position - MAGIC.length, footer, label));
    yield* source.stream(MAGIC.length, footer.dataEnd);
    position += footer.dataEnd - MAGIC.length;
    rows += footer.rows;
    progress.rows = Number(rows);
    progress.row_groups = rowGroups.length;
  }
  if (first !== undefined) yield* writeFooter(first.footer, rows, rowGroups);
}

/** The first footer with its rows and row groups exchanged; the groups are written already, so they are spliced in. */
function* writeFooter({ metadata }: ParquetFooter, rows: bigint, rowGroups: Buffer[]): Generator<Uint8Array> {
  const fields = [...metadata.fields].toSorted(([a], [b]) => a - b);
  const before = new Map(fields.filter(([id]) => id < FILE.rowGroups));
  before.set(FILE.rows, { type: TYPE.i64, value: rows });
  const after = new Map(fields.filter(([id]) => id > FILE.rowGroups));
  const chunks = [
    // Without the zero that ends a struct.
    writeThrift({ kind: "struct", fields: before }).subarray(0, -1),
    // A field's head counts its id from the field before.
    Buffer.of(((FILE.rowGroups - FILE.rows) << 4) | TYPE.list),
    writeListHead(TYPE.struct, rowGroups.length),
    ...rowGroups,
    writeThrift({ kind: "struct", fields: after }, FILE.rowGroups),
  ];
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (length > LONGEST_FOOTER)
    throw new JobFailure(
      "results_not_tabular",
      "Cannot join the results: one Parquet file has no room for all of them.",
    );
  yield* chunks;
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(length);
  MAGIC.copy(tail, 4);
  yield tail;
}

interface Described {
  label: string;
  footer: ParquetFooter;
}

function requireSameSchema(first: Described, other: Described): void {
  if (first === other) return;
  const expected = describeSchema(first.footer.schema);
  const found = describeSchema(other.footer.schema);
  // The first element is the root, whose name is the writer's and whose children are counted below.
  for (let index = 1; index < Math.max(expected.length, found.length); index++) {
    const [a, b] = [expected[index], found[index]];
    if (a !== undefined && b !== undefined && a.definition.equals(b.definition)) continue;
    const how =
      a?.name === b?.name
        ? `its column ${JSON.stringify(a?.name)} is of another type than in ${first.label}`
        : `its column ${index} is ${show(b)}, and that of ${first.label} is ${show(a)}`;
    throw new JobFailure("results_differ", `Cannot join ${other.label}: ${how}.`);
  }
}

function show(element: { name: string } | undefined): string {
  return element === undefined ? "nothing" : JSON.stringify(element.name);
}
