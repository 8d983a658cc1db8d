import type { Ordinal } from "./column-kind.ts";
import type { ProfilePart } from "./profile-part.ts";

const MAX_BINS = 20;
/** The span of whole numbers that doubles can tell from each other. */
const SAFE_SPAN = Number.MAX_SAFE_INTEGER;

/** Counts values in bins of equal width, from the least to the greatest; null when there are none. */
export function histogramSql(values: string, ordinal: Ordinal): ProfilePart {
  const finite = ordinal.isFinite === null ? "" : ` AND ${ordinal.isFinite("v")}`;
  const edge = (bin: string) => ordinal.fromOrdinal(`(low + ${bin} * width)`);
  return {
    plan: planSql(ordinal),
    subqueries: [
      `filled AS (SELECT map(list(bin), list(times)) AS counts
  FROM (SELECT ${binSql(ordinal.toOrdinal("v"))} AS bin, count(*) AS times
    FROM ${values}, (SELECT low, width, bins FROM pass) WHERE v IS NOT NULL${finite} GROUP BY bin))`,
    ],
    relations: ["filled"],
    figures: {
      histogram: `list_transform(range(bins), lambda bin: {'from': ${edge("bin")},
  'to': CASE WHEN bin = bins - 1 THEN ${ordinal.fromOrdinal("high")} ELSE ${edge("(bin + 1)")} END,
  'count': coalesce(map_extract_value(counts, bin), 0)})`,
    },
  };
}

/** How wide the bins are, and how many. Whole numbers get bins that hold equally many of them. */
function planSql({ isWhole }: Ordinal): string[] {
  // The span of all doubles is none.
  const width = `(high / ${MAX_BINS} - low / ${MAX_BINS})`;
  const hasWidth = `${width} > 0 AND low + ${width} > low`;
  const wholeWidth = `ceil((high - low + 1) / ${MAX_BINS})`;
  const ofWhole = (sql: string) => (isWhole ? `WHEN high - low <= ${SAFE_SPAN} THEN ${sql} ` : "");
  const bins = `CASE ${ofWhole(`ceil((high - low + 1) / ${wholeWidth})`)}WHEN ${hasWidth} THEN ${MAX_BINS} WHEN low IS NOT NULL THEN 1 END`;
  return [`CASE ${ofWhole(wholeWidth)}WHEN ${hasWidth} THEN ${width} ELSE 1 END AS width`, `(${bins})::BIGINT AS bins`];
}

/** The bin that a place on the line is in. */
function binSql(place: string): string {
  const near = `(${place} - low) / width`;
  const steps = `CASE WHEN isfinite(low + bins * width - low) THEN ${near} ELSE ${place} / width - low / width END`;
  return `least(bins - 1, greatest(0, floor(${steps})))::BIGINT`;
}
