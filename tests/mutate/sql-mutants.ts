import type pg from "pg";

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

/** Every function that the migrations made, as `pg_get_functiondef` prints it. */
const FUNCTIONS = `
  select n.nspname || '.' || p.proname as name, pg_catalog.pg_get_functiondef(p.oid) as definition, p.prosrc as body,
         p.prorettype::regtype::text as returns, p.proretset as returns_set
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where n.nspname in ('public', 'corral')
     and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
   order by 1`;

/** One mutant without the function's effect, and one per condition turned round. */
export async function listSqlMutants(client: pg.Client): Promise<SqlMutant[]> {
  const { rows } = await client.query<FunctionRow>(FUNCTIONS);
  return rows.flatMap((row) => [dropped(row), ...negated(row)]);
}

function dropped(row: FunctionRow): SqlMutant {
  const nothing =
    row.returns === "trigger" ? "begin return new; end" : `begin ${row.returns_set ? "return;" : "return null;"} end`;
  const body = row.returns === "void" ? "begin end" : nothing;
  const definition = row.definition
    .replace(/\n\s*LANGUAGE \w+/i, "\n LANGUAGE plpgsql")
    .replace(row.body, () => ` ${body} `);
  return { title: `${row.name} does nothing`, sql: definition };
}

/** `if c then` and `when c then` become `if not (c) then`; a plain SQL function's `where c` becomes `where not (c)`. */
function negated(row: FunctionRow): SqlMutant[] {
  const conditions = [...row.body.matchAll(/\b(if|elsif)\s+((?:(?!\bthen\b)[\s\S])+?)\s+then\b/gi)];
  return conditions.map((match, index) => {
    const [whole, keyword, condition] = match;
    const body = `${row.body.slice(0, match.index)}${keyword} not coalesce((${condition}), false) then${row.body.slice(match.index + whole.length)}`;
    const shown = (condition ?? "").replace(/\s+/g, " ").slice(0, 60);
    return {
      title: `${row.name} with condition ${index + 1} turned round: ${shown}`,
      sql: row.definition.replace(row.body, () => body),
    };
  });
}
