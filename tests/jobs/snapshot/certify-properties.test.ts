import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CertificateScene, type Sides, startCertificateScene } from "./certificate-scene.ts";

let scene: CertificateScene;
beforeAll(async () => {
  scene = await startCertificateScene();
});
afterAll(() => scene.close());

type Random = () => number;

/** Mulberry32: the same numbers for the same seed. */
function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const below = (random: Random, limit: number) => Math.floor(random() * limit);
const pick = <T>(random: Random, items: readonly T[]): T => {
  const item = items[below(random, items.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
};
const digits = (random: Random, count: number) => Array.from({ length: count }, () => below(random, 10)).join("");
const hex = (random: Random, bytes: number) =>
  Array.from({ length: bytes }, () => below(random, 256).toString(16).padStart(2, "0")).join("");

/** A double by its bits, so that all sizes are equally likely. */
function anyDouble(random: Random): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, below(random, 2 ** 32));
  view.setUint32(4, below(random, 2 ** 32));
  return view.getFloat64(0);
}

function nextDouble(value: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigUint64(0, view.getBigUint64(0) ^ 1n);
  return view.getFloat64(0);
}

const doubleText = (value: number) => (Number.isNaN(value) ? "NaN" : String(value).replace("Infinity", "inf"));

const SCRIPTS = [
  "",
  " ",
  "a",
  "\\",
  "'",
  '"',
  "%",
  "\n",
  "\t",
  "é",
  "e\u0301",
  "ß",
  "İ",
  "日",
  "🙂",
  "👨‍👩‍👧",
  "\u200b",
  "\ufeff",
  "\u{10ffff}",
];
const anyText = (random: Random) => Array.from({ length: below(random, 50) }, () => pick(random, SCRIPTS)).join("");

/** A moment between the years 1 and 9999, as text to the nanosecond. */
function anyMoment(random: Random, fractionDigits: number): string {
  const [from, to] = [-62_135_596_800, 253_402_300_799];
  const seconds = random() < 0.3 ? pick(random, [from, -1, 0, to]) : Math.floor(from + random() * (to - from));
  const clock = new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
  const fraction = pick(random, ["0", "9", digits(random, 1)]).repeat(fractionDigits);
  return `${clock}.${fraction}`;
}

interface Kind {
  column: Sides["column"];
  types: Sides["types"];
  /** Some value, and one that differs from it as little as can be. */
  make: (random: Random) => [value: string, other: string];
  /** How each dialect writes a value. */
  sql?: [source: (value: string) => string, snapshot: (value: string) => string];
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
const escaped = (text: string) => quoted(text.replaceAll("\\", "\\\\"));

function numberKind(name: string, precision: number, scale: number, type: string): Kind {
  return {
    column: { name, kind: "number", scale },
    types: [`NUMBER(${precision},${scale})`, type],
    make: (random) => {
      const size = random() < 0.2 ? precision : 1 + below(random, precision);
      const unscaled = BigInt((random() < 0.3 ? pick(random, ["9", "0"]).repeat(size) : digits(random, size)) || "0");
      const sign = random() < 0.5 && unscaled !== 0n ? "-" : "";
      return [sign + point(unscaled, scale), sign + point(unscaled === 0n ? 1n : unscaled - 1n, scale)];
    },
  };
}

function point(unscaled: bigint, scale: number): string {
  const text = unscaled.toString().padStart(scale + 1, "0");
  return scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
}

const KINDS: Kind[] = [
  numberKind("N38", 38, 0, "DECIMAL(38,0)"),
  numberKind("N37", 38, 37, "DECIMAL(38,37)"),
  numberKind("N18", 18, 0, "BIGINT"),
  numberKind("N10", 10, 2, "DECIMAL(10,2)"),
  {
    column: { name: "F", kind: "float" },
    types: ["FLOAT", "DOUBLE"],
    make: (random) => {
      const value =
        random() < 0.2 ? pick(random, [0, -0, 0.1, 1 / 3, 2 ** 53 + 2, 5e-324, Number.MAX_VALUE]) : anyDouble(random);
      return [doubleText(value), Number.isFinite(value) ? doubleText(nextDouble(value)) : "0"];
    },
  },
  {
    column: { name: "T", kind: "text" },
    types: ["VARCHAR", "VARCHAR"],
    make: (random) => {
      const text = anyText(random);
      return [text, `${text}\u200b`];
    },
    sql: [escaped, quoted],
  },
  {
    column: { name: "D", kind: "date" },
    types: ["DATE", "DATE"],
    make: (random) => [anyMoment(random, 1).slice(0, 10), "1582-10-10"],
  },
  {
    column: { name: "H", kind: "time" },
    types: ["TIME(9)", "TIME"],
    make: (random) => {
      const time = anyMoment(random, 6).slice(11);
      return [time, `${time.slice(0, -1)}${time.endsWith("9") ? 8 : 9}`];
    },
  },
  {
    column: { name: "M", kind: "timestamp_ntz" },
    types: ["TIMESTAMP_NTZ(9)", "TIMESTAMP"],
    make: (random) => {
      const moment = anyMoment(random, 6);
      return [moment, `${moment.slice(0, -1)}${moment.endsWith("9") ? 8 : 9}`];
    },
  },
  {
    column: { name: "L", kind: "timestamp_ltz" },
    types: ["TIMESTAMP_LTZ(9)", "TIMESTAMP"],
    make: (random) => {
      const moment = anyMoment(random, 6);
      return [moment, `${moment.slice(0, -1)}${moment.endsWith("9") ? 8 : 9}`];
    },
    sql: [(value) => quoted(`${value} +00:00`), quoted],
  },
  {
    column: { name: "B", kind: "binary" },
    types: ["BINARY", "BLOB"],
    make: (random) => {
      const bytes = hex(random, below(random, 40));
      return [bytes, `${bytes}00`];
    },
    sql: [(value) => `TO_BINARY('${value}')`, (value) => `unhex('${value}')`],
  },
  {
    column: { name: "Z", kind: "boolean" },
    types: ["BOOLEAN", "BOOLEAN"],
    make: (random) => (random() < 0.5 ? ["TRUE", "FALSE"] : ["FALSE", "TRUE"]),
    sql: [String, String],
  },
];

const ROWS = 40;

function columnsOf(seed: number) {
  const random = seeded(seed);
  return KINDS.map((kind) => {
    const [source, snapshot] = kind.sql ?? [quoted, quoted];
    const [theirs, ours] = kind.types;
    const made = Array.from({ length: ROWS }, () => (random() < 0.1 ? null : kind.make(random)));
    const values = made.map((one): [string, string] =>
      one === null
        ? [`NULL::${theirs}`, `NULL::${ours}`]
        : [`${source(one[0])}::${theirs}`, `${snapshot(one[0])}::${ours}`],
    );
    const at = made.findIndex((one) => one !== null);
    const other = made[at]?.[1];
    if (other === undefined) throw new Error(`seed ${seed} makes no value of ${kind.column.name}`);
    return { ...kind, values, change: { at, to: `${snapshot(other)}::${ours}` } };
  });
}

describe.each([1, 2, 3])("hostile values of seed %i", (seed) => {
  const columns = columnsOf(seed);

  test("are certified: all, in any order", async () => {
    await scene.fill(columns);
    const kinds = columns.map(({ column }) => column);
    const certificate = await scene.compare(kinds);
    expect(certificate.columns.map(({ name }) => name)).toEqual(kinds.map(({ name }) => name));
    const shuffled = { snapshot: `(SELECT * FROM data ORDER BY hash(rowid))` };
    expect((await scene.compare(kinds, shuffled)).columns).toEqual(certificate.columns);
  });

  test.each(columns.map(({ column: { name }, ...rest }) => ({ name, ...rest })))(
    "show the smallest difference in column $name, and only there",
    async ({ name, change: { at, to } }) => {
      await scene.connection.run(`CREATE OR REPLACE TEMP TABLE kept AS FROM data`);
      await scene.connection.run(`UPDATE data SET "${name}" = ${to} WHERE rowid = ${at}`);
      const failure = await scene.refusal(columns.map(({ column }) => column));
      expect(failure.message).toMatch(new RegExp(`^Column ${name} has `));
      await scene.connection.run("CREATE OR REPLACE TABLE data AS FROM temp.kept");
    },
  );
});
