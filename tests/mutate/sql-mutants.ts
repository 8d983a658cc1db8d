import type pg from "pg";
import { type Condition, findConditions } from "./sql-conditions.ts";

export interface SqlMutant {
  /** `schema.name`, and what was done to it. */
  title: string;
  sql: string;
}

interface FunctionRow {
  name: string;
  definition: string;
  body: string;
  returns: string;
  returns_set: boolean;
}

/**
 * Every function that the migrations made, as `pg_get_functiondef` prints it, rights and settings included.
 * Not `corral.now`: the template replaces the clock, so that its mutants are among those of the stand-ins.
 */
const FUNCTIONS = `
  select n.nspname || '.' || p.proname as name, pg_catalog.pg_get_functiondef(p.oid) as definition, p.prosrc as body,
         p.prorettype::regtype::text as returns, p.proretset as returns_set
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where n.nspname in ('public', 'corral') and (n.nspname, p.proname) <> ('corral', 'now')
     and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
   order by 1`;

/** One mutant without the function's effect, and one per condition turned round. */
export async function makeSqlMutants(client: pg.Client): Promise<SqlMutant[]> {
  const { rows } = await client.query<FunctionRow>(FUNCTIONS);
  return rows.flatMap((row) => [dropped(row), ...negated(row)]);
}

function dropped({ name, definition, body, returns, returns_set }: FunctionRow): SqlMutant {
  const end =
    returns === "trigger" ? "return new; " : returns === "void" ? "" : returns_set ? "return; " : "return null; ";
  const sql = definition.replace(/\n LANGUAGE \w+/, "\n LANGUAGE plpgsql").replace(body, () => ` begin ${end}end `);
  return { title: `${name} does nothing`, sql };
}

function negated({ name, definition, body, returns }: FunctionRow): SqlMutant[] {
  return findConditions(body, returns === "boolean").map((condition) => ({
    title: `${name} with a condition turned round: ${shorten(condition)}`,
    sql: definition.replace(body, () => turnRound(body, condition)),
  }));
}

/** Null counts as false before and as true after. */
function turnRound(body: string, { start, end }: Condition): string {
  return `${body.slice(0, start)} not coalesce((${body.slice(start, end)}), false) ${body.slice(end)}`;
}

function shorten({ keyword, text }: Condition): string {
  const line = `${keyword} ${text.replace(/\s+/g, " ").trim()}`;
  return line.length > 100 ? `${line.slice(0, 100)}…` : line;
}
