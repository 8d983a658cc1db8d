import type { ColumnKind } from "./column-kind.ts";
import { shownSql } from "./pass-sql.ts";
import type { ProfilePart } from "./profile-part.ts";

export interface CountedValues {
  kind: ColumnKind["kind"];
  /** The relation whose one column `v` holds them. */
  values: string;
  /** About how many rows it has. */
  rowCount: number;
}

const TOP = 10;
/** Up to so many distinct values, or so many values at all, each value is counted. */
const COUNTED_VALUES = 50_000;
const COUNTED_ROWS = 1_000_000;
/** What counting may hold in memory, in bytes of values. */
const COUNTED_BYTES = 128 * 1024 * 1024;
/** A sample of fewer rows says too little. */
const FEWEST_SAMPLED = 10_000;

/**
 * The most frequent values, and how many different ones there are. All are counted while that is cheap; else those that
 * repeat in a sample of a million rows, which finds whatever is frequent, are counted in the whole table.
 */
export function topValuesSql(counted: CountedValues): ProfilePart {
  const { kind, rowCount } = counted;
  const toTop = (top: string) =>
    `list_transform(coalesce(${top}, []), lambda one: {'value': ${shownSql("one.v", kind)}, 'count': -one.less})`;
  const isShort = kind === "number" || kind === "time";
  if (kind === "boolean" || (isShort && rowCount <= COUNTED_ROWS)) {
    return {
      plan: [],
      subqueries: [countAllSql(counted, "SELECT 1 FROM pass")],
      relations: ["counted"],
      figures: { distinct_count: "different", distinct_is_exact: "true", top_values: toTop("counted.top") },
    };
  }
  return {
    plan: planSql(counted),
    subqueries: [countAllSql(counted, "SELECT 1 FROM pass WHERE is_counted"), ...countLikelySql(counted)],
    relations: ["counted", "likely"],
    figures: {
      distinct_count: "CASE WHEN is_counted THEN different ELSE estimate END",
      distinct_is_exact: "is_counted",
      top_values: toTop("CASE WHEN is_counted THEN counted.top ELSE likely.top END"),
    },
  };
}

/** Whether all are counted; else whether a sample has room for enough rows, and for which share of it there is room. */
function planSql({ rowCount }: CountedValues): string[] {
  const isCheap = `(estimate <= ${COUNTED_VALUES} OR present <= ${COUNTED_ROWS})`;
  return [
    `coalesce(${isCheap} AND estimate * longest <= ${COUNTED_BYTES}, true) AS is_counted`,
    `${COUNTED_BYTES} / longest >= ${FEWEST_SAMPLED} AS is_sampled`,
    `${COUNTED_BYTES} / longest / ${Math.min(COUNTED_ROWS, rowCount)} AS share`,
  ];
}

/** Of those that are equally frequent, the least come first. */
const TOP_OF_COUNTS = `min({'less': -times, 'v': v}, ${TOP}) AS top`;

/** Where the gate has no row, nothing is read. */
function countAllSql({ values }: CountedValues, gate: string): string {
  return `counted AS (SELECT count(*) AS different, ${TOP_OF_COUNTS}
  FROM (SELECT v, count(*) AS times FROM ${values}, (${gate}) WHERE v IS NOT NULL GROUP BY v))`;
}

function countLikelySql({ values, rowCount }: CountedValues): string[] {
  const percent = (100 * COUNTED_ROWS) / rowCount;
  const sample = percent < 100 ? ` USING SAMPLE ${percent} PERCENT (system, 1)` : "";
  return [
    `frequent AS MATERIALIZED (SELECT v AS likely
  FROM (SELECT v, random() AS chance FROM ${values}${sample}), (SELECT share FROM pass WHERE NOT is_counted AND is_sampled)
  WHERE v IS NOT NULL AND chance < share GROUP BY v HAVING count(*) > 1 ORDER BY count(*) DESC, v LIMIT ${TOP})`,
    `likely AS (SELECT ${TOP_OF_COUNTS}
  FROM (SELECT v, count(*) AS times FROM ${values} JOIN frequent ON v = likely GROUP BY v))`,
  ];
}
