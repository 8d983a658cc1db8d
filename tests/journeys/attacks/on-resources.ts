import { type Attack, failed, harmless, noFunction, noMemory, noTime, type Outcome, tooLarge } from "./outcome.ts";

const MEMORY: Attack[] = [
  ["SELECT len(range(200000000))", noMemory],
  ["SELECT len(range(2000000000))", noMemory],
  ["SELECT length(repeat('x', 3000000000))", noMemory],
  ["SELECT length(repeat(repeat('x', 1000000), 1000000))", failed(/./)],
  ["SELECT length(string_agg(repeat('x', 1000000), '')) FROM range(10000)", noMemory],
  ["SELECT length(list(repeat('x', 1000))::VARCHAR) FROM range(100000000)", noMemory],
  ["SELECT list_sum(list(a.range)) FROM range(100000) a, range(100000) b", noMemory],
  ["SELECT count(DISTINCT a.range * 100000 + b.range) FROM range(100000) a, range(100000) b", noMemory],
  [
    "SELECT a.range FROM range(100000) a, range(100000) b ORDER BY a.range * b.range % 7919 LIMIT 1 OFFSET 90000000",
    noMemory,
  ],
  ["SELECT length(printf('%1000000000d', 1))", noMemory],
  ["SELECT len(list_resize([1], 1000000000))", noMemory],
  ["SELECT length(array_to_string(range(100000000), ','))", noMemory],
  ["WITH RECURSIVE r(t) AS (SELECT 'x' UNION ALL SELECT t || t FROM r) SELECT max(length(t)) FROM r", noMemory],
  ["FROM range(1000000)", tooLarge(/more than the \d+ rows/)],
  ["SELECT repeat('x', 1000000) FROM range(100)", tooLarge(/larger than the \d+ bytes/)],
];

const TIME: Attack[] = [
  ["SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7", noTime],
  ["WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r", noTime],
  ["WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", noTime],
  ["SELECT sum(length(md5(a.range::VARCHAR))) FROM range(1000000000) a", noTime],
  ["SELECT sum(levenshtein(repeat('a', 20000), repeat('b', 20000) || range)) FROM range(10000)", noTime],
  ["SELECT sleep_ms(100000)", noFunction("sleep_ms")],
  ["SELECT pg_sleep(100)", noFunction("pg_sleep")],
];

const DEPTH: Attack[] = [
  // Its regular expressions do not go back, so that none takes exponential time.
  ["SELECT regexp_matches(repeat('a', 100000) || 'b', '(a+)+$')", harmless([false])],
  [`SELECT ${"(".repeat(5000)}1${")".repeat(5000)}`, harmless([1])],
  [`SELECT ${"-(".repeat(2000)}1${")".repeat(2000)}`, harmless([1])],
  [`SELECT ${"NOT ".repeat(20000)}true`, failed(/./)],
  [`SELECT 1${" + 1".repeat(50000)}`, failed(/./)],
  [`SELECT ${"[".repeat(3000)}1${"]".repeat(3000)}`, failed(/./)],
  [`SELECT ${"CASE WHEN true THEN ".repeat(1500)}1${" END".repeat(1500)}`, failed(/./)],
  [`${"SELECT * FROM (".repeat(1500)}SELECT 1${")".repeat(1500)}`, failed(/./)],
  [`SELECT 1${" UNION ALL SELECT 1".repeat(10000)}`, noMemory],
  [`SELECT 1 IN (${"1,".repeat(20000)}1)`, harmless([true])],
  [`SELECT '${"x".repeat(199000)}' IS NULL`, harmless([false])],
];

/** What the runner itself works on: it is to take no more than a query may, and to stop when its time is over. */
const PARQUET: Attack[] = [
  inParquet("SELECT repeat('x', 1000000) FROM range(100)", tooLarge(/are more than \d+ bytes of text/)),
  inParquet("SELECT repeat('x', 1000) FROM range(90000)", tooLarge(/are more than \d+ bytes of text/)),
  inParquet("SELECT repeat('x', 200000000)", noMemory),
  inParquet("SELECT repeat(chr(1), 100000) FROM range(200)", tooLarge(/are more than \d+ bytes of text/)),
  inParquet("SELECT range(100000), range(100000) FROM range(50)", noMemory),
  inParquet("FROM range(1000000)", tooLarge(/more than the \d+ rows/)),
  inParquet("SELECT sum(hash(range)) FROM range(1000000000000)", noTime),
  inParquet("SELECT 1 AS \"a', b = 'c\"", harmless([1])),
  inParquet("SELECT 2 AS \") TO '/tmp/stolen' --\"", harmless([2])),
];

function inParquet(sql: string, outcome: Outcome): Attack {
  return [sql, outcome, undefined, "parquet"];
}

/** Attempts to take more than is due. */
export const ON_RESOURCES: Record<string, Attack[]> = {
  "to take all memory or disk": MEMORY,
  "to take all time": TIME,
  "to take what turns rows into Parquet": PARQUET,
  "to be too deep or too long": DEPTH,
};
