import { Cursor, commaSeparated } from "./cursor.ts";
import { fieldSql, parseError, parseField, type Relation } from "./field.ts";
import type { Bindings } from "./sql.ts";

/** The `order by` clause of an `order` parameter such as `created_at.desc.nullslast,id`. */
export function orderSql(order: string | undefined, relation: Relation, bindings: Bindings): string {
  if (order === undefined || order === "") return "";
  const cursor = new Cursor(order);
  const terms = commaSeparated(cursor, (inner) => {
    const field = parseField(inner);
    const direction = inner.match(/\.(?:asc|desc)(?![a-z])/)?.slice(1) ?? "asc";
    const nulls = inner.match(/\.nulls(?:first|last)(?![a-z])/);
    const suffix = nulls === undefined ? "" : ` nulls ${nulls.slice(".nulls".length)}`;
    return `${fieldSql(field, relation, bindings)} ${direction}${suffix}`;
  });
  if (!cursor.atEnd) throw parseError(cursor);
  return ` order by ${terms.join(", ")}`;
}
