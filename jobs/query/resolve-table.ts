import type { GrantedTable } from "./messages.ts";
import { QueryFailure } from "./query-failure.ts";

const MAX_NAMED = 20;

/** Lower case as DuckDB's names know it: only the letters of ASCII have one. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * The granted table that a name in a query means, as a position in the list: the only one that is written so ignoring
 * case. With its schema, one that is written exactly so is meant before others; without, it is not, or a grant of
 * another table would change what queries mean. What is not granted is refused like what does not exist.
 */
export function resolveTable(grants: readonly GrantedTable[], schema: string, table: string): number {
  const written = schema === "" ? table : `${schema}.${table}`;
  const found = grants.flatMap((grant, index) =>
    isSame(grant.table, table) && (schema === "" || isSame(grant.schema, schema)) ? [index] : [],
  );
  const exact = found.find((index) => nameOf(grants[index]) === written);
  const [only, ...others] = exact === undefined ? found : [exact];
  if (only === undefined)
    throw new QueryFailure(
      "sql_not_allowed",
      `There is no table "${written}" that this query may read. ${listGrants(grants)}`,
    );
  if (others.length === 0) return only;
  const names = found.map((index) => nameOf(grants[index])).join(", ");
  throw new QueryFailure(
    "sql_error",
    `"${written}" may be any of ${names}. Write which, with its schema, and its letters as large or small as here.`,
  );
}

function isSame(one: string, other: string): boolean {
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
