import type { GrantedTable } from "./messages.ts";
import { QueryFailure } from "./query-failure.ts";

const MAX_NAMED = 20;

/** Lower case as DuckDB's names know it: only the letters of ASCII have one. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * The granted table that a name in a query means, as a position in the list: the one written exactly so, else the only
 * one that is written so ignoring case. What is not granted is refused like what does not exist.
 */
export function resolveTable(grants: readonly GrantedTable[], schema: string, table: string): number {
  const written = schema === "" ? table : `${schema}.${table}`;
  for (const same of [isSame, isSameFolded]) {
    const found = grants.flatMap((grant, index) =>
      same(grant.table, table) && (schema === "" || same(grant.schema, schema)) ? [index] : [],
    );
    const [only, ...others] = found;
    if (only !== undefined && others.length === 0) return only;
    if (only !== undefined) {
      const names = found.map((index) => nameOf(grants[index])).join(", ");
      throw new QueryFailure("sql_error", `"${written}" may be any of ${names}. Write which, with its schema.`);
    }
  }
  throw new QueryFailure(
    "sql_not_allowed",
    `There is no table "${written}" that this query may read. ${listGrants(grants)}`,
  );
}

function isSame(one: string, other: string): boolean {
  return one === other;
}

function isSameFolded(one: string, other: string): boolean {
  return foldName(one) === foldName(other);
}

function nameOf(grant: GrantedTable | undefined): string {
  return grant === undefined ? "" : `${grant.schema}.${grant.table}`;
}

function listGrants(grants: readonly GrantedTable[]): string {
  if (grants.length === 0) return "No table is granted to its swarm.";
  const names = grants.slice(0, MAX_NAMED).map(nameOf).join(", ");
  const more = grants.length > MAX_NAMED ? ` and ${grants.length - MAX_NAMED} more` : "";
  return `It may read ${names}${more}.`;
}
