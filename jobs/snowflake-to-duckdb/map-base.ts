import { quoteName } from "../../shared/quote-sql.ts";
import type { ColumnPlan } from "./plan-columns.ts";
import { isBeside } from "./stored-columns.ts";

/** A column of the last snapshot, as it was published. */
export interface BaseColumn {
  name: string;
  type: string;
  source_type: string;
}

export type MappedBase =
  | {
      isCompatible: true;
      /** SQL over the last snapshot's `data` of what was once read, by its name there; null where it has no such column. */
      read: Map<string, string | null>;
      /** Columns that the last snapshot lacks. */
      added: ColumnPlan[];
      /** What changed since, for people. */
      notes: string[];
    }
  | { isCompatible: false; reason: string };

/** Follows what became of the columns since the last snapshot, as far as its rows can follow. */
export function mapBase(plans: ColumnPlan[], base: BaseColumn[]): MappedBase {
  const values = new Map(base.filter(({ source_type }) => !isBeside(source_type)).map((one) => [one.name, one]));
  const read = new Map<string, string | null>();
  const added: ColumnPlan[] = [];
  const widened: string[] = [];
  for (const plan of plans) {
    const { name, source, staged, stagedOffset } = plan;
    const before = values.get(name);
    values.delete(name);
    // A column that got its name from a number may be another one than that which had the name before.
    if (name !== source.name && before?.source_type !== source.printed)
      return { isCompatible: false, reason: `column ${source.name} shares its name with another one` };
    if (before === undefined) {
      added.push(plan);
      read.set(staged.name, null);
      if (stagedOffset !== undefined) read.set(stagedOffset.name, null);
      continue;
    }
    if (!isSameKind(before.source_type, source.printed))
      return { isCompatible: false, reason: `column ${name} was ${before.source_type} and is ${source.printed}` };
    if (before.source_type !== source.printed) widened.push(`${name} from ${before.source_type} to ${source.printed}`);
    const beside = base.filter(({ source_type }) => source_type === `${before.source_type} of ${name}`);
    const exact = beside.find(({ type }) => type === "VARCHAR");
    const offset = beside.find(({ type }) => type === "SMALLINT");
    read.set(staged.name, stagedSql(before, exact?.name));
    if (stagedOffset !== undefined && offset === undefined)
      return { isCompatible: false, reason: `column ${name} has no offsets` };
    if (stagedOffset !== undefined && offset !== undefined) read.set(stagedOffset.name, quoteName(offset.name));
  }
  const notes = [
    ...(added.length > 0 ? [`Added columns: ${added.map(({ name }) => name).join(", ")}.`] : []),
    ...(values.size > 0 ? [`Dropped columns: ${[...values.keys()].join(", ")}.`] : []),
    ...(widened.length > 0 ? [`Changed columns: ${widened.join(", ")}.`] : []),
  ];
  return { isCompatible: true, read, added, notes };
}

/** The same kind of values; of numbers also the same scale, since another one makes other numbers of them. */
function isSameKind(before: string, now: string): boolean {
  const family = (printed: string) => printed.replace(/\(.*$/, "");
  const scale = (printed: string) => /,(\d+)\)$/.exec(printed)?.[1];
  return family(before) === family(now) && scale(before) === scale(now);
}

/** What was read once, out of what is stored now. */
function stagedSql({ name, type }: BaseColumn, exact: string | undefined): string {
  const value = quoteName(name);
  if (type === "DATE") return `(${value} - DATE '1970-01-01')`;
  if (type === "TIMESTAMP_NS") return `epoch_ns(${value})::HUGEINT`;
  if (type === "JSON") return `${value}::VARCHAR`;
  if (type !== "TIME" && type !== "TIMESTAMP") return value;
  const micros = `epoch_us(${value})::HUGEINT * 1000`;
  return exact === undefined ? micros : `(${micros} + right(${quoteName(exact)}, 3)::HUGEINT)`;
}
