import { SnowflakeError } from "../snowflake-error.ts";

const ALIASES: Record<string, string> = {
  ...alias("year", "y yy yyy yyyy yr years yrs"),
  ...alias("quarter", "q qtr qtrs quarters"),
  ...alias("month", "mm mon mons months"),
  ...alias("week", "w wk weekofyear woy wy weeks"),
  ...alias("day", "d dd days dayofmonth"),
  ...alias("hour", "h hh hr hours hrs"),
  ...alias("minute", "m mi min minutes mins"),
  ...alias("second", "s sec seconds secs"),
  ...alias("millisecond", "ms msec milliseconds"),
  ...alias("microsecond", "us usec microseconds"),
  ...alias("nanosecond", "ns nsec nanosec nsecond nanoseconds nanosecs nseconds"),
  ...alias("dayofweek", "weekday dow dw"),
  ...alias("dayofweekiso", "weekday_iso dow_iso dw_iso dayofweek_iso"),
  ...alias("dayofyear", "yearday doy dy"),
  ...alias("weekiso", "week_iso weekofyeariso weekofyear_iso"),
  ...alias("yearofweekiso", "yearofweek"),
  ...alias("epoch_second", "epoch epoch_seconds"),
  ...alias("epoch_millisecond", "epoch_milliseconds"),
  ...alias("epoch_microsecond", "epoch_microseconds"),
  ...alias("epoch_nanosecond", "epoch_nanoseconds"),
  ...alias("timezone_hour", "tzh"),
  ...alias("timezone_minute", "tzm"),
};

const NANOS: Record<string, string> = {
  nanosecond: "1",
  microsecond: "1000",
  millisecond: "1000000",
  second: "1000000000",
  minute: "60000000000",
  hour: "3600000000000",
  day: "86400000000000",
  week: "604800000000000",
};
const MONTHS: Record<string, number> = { month: 1, quarter: 3, year: 12 };
/** 1970-01-01 was a Thursday; weeks begin on Mondays. */
const MONDAY = "259200000000000";

function alias(part: string, names: string): Record<string, string> {
  return Object.fromEntries([part, ...names.split(" ")].map((name) => [name, part]));
}

/** https://docs.snowflake.com/en/sql-reference/functions-date-time#supported-date-and-time-parts */
export function datePart(name: string): string {
  const part = ALIASES[name.toLowerCase()];
  if (part === undefined)
    throw new SnowflakeError(
      "001034",
      "22023",
      `SQL compilation error:\n'${name}' is not a valid date/time component for this function.`,
    );
  return part;
}

export function partSql(part: string, value: string): string {
  const wall = `sf_wall(${value})`;
  const epoch = /^epoch_(.*)$/.exec(part)?.[1];
  if (epoch !== undefined) return `sf_fdiv(sf_epoch(${value}), ${NANOS[epoch]})::DECIMAL(38,0)`;
  if (part === "nanosecond") return `sf_fmod(${wall}, 1000000000)::BIGINT`;
  if (part === "timezone_hour") return `(sf_zone_minutes(${value}) // 60)::BIGINT`;
  if (part === "timezone_minute") return `(sf_zone_minutes(${value}) % 60)::BIGINT`;
  if (part === "dayofweekiso") return `sf_part('isodow', ${value})`;
  if (part === "dayofweek") return `sf_part('dow', ${value})`;
  if (part === "dayofyear") return `sf_part('doy', ${value})`;
  if (part === "week" || part === "weekiso") return `sf_part('week', ${value})`;
  if (part === "yearofweekiso") return `sf_part('isoyear', ${value})`;
  return `sf_part('${part}', ${value})`;
}

export function addSql(part: string, count: string, value: string): string {
  const months = MONTHS[part];
  if (months !== undefined) return `sf_add_months(${value}, (${count}) * ${months})`;
  if (part === "day" || part === "week") return `sf_add_days(${value}, (${count}) * ${part === "week" ? 7 : 1})`;
  return `sf_add_nanos(${value}, (${count})::HUGEINT * ${unit(part)})`;
}

export function differenceSql(part: string, from: string, to: string): string {
  const months = MONTHS[part];
  if (months !== undefined) {
    const count = (value: string) => `((sf_part('year', ${value}) * 12 + sf_part('month', ${value}) - 1) // ${months})`;
    return `(${count(to)} - ${count(from)})`;
  }
  if (part === "week") {
    const weeks = (value: string) => `sf_fdiv(sf_wall(${value}) + ${MONDAY}, ${NANOS.week})`;
    return `(${weeks(to)} - ${weeks(from)})::BIGINT`;
  }
  return `(sf_units(${to}, ${unit(part)}) - sf_units(${from}, ${unit(part)}))`;
}

export function truncateSql(part: string, value: string): string {
  if (part === "nanosecond") return value;
  return `sf_trunc('${part}', ${value})`;
}

function unit(part: string): string {
  const nanos = NANOS[part];
  if (nanos === undefined) throw datePartRefused(part);
  return nanos;
}

const datePartRefused = (part: string) =>
  new SnowflakeError(
    "001034",
    "22023",
    `SQL compilation error:\n'${part}' is not a valid date/time component for this function.`,
  );
