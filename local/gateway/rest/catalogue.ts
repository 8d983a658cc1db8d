import type { Pool } from "pg";
import { z } from "zod";
import { UnknownNameError } from "./rest-error.ts";
import { refuseUnreachable } from "./to-rest-error.ts";

/** The one schema that is exposed, as hosted unless configured otherwise. */
export const EXPOSED_SCHEMA = "public";

const column = z.object({
  name: z.string(),
  type: z.string(),
  /** The expression that fills it when nothing else does. */
  default: z.string().nullish(),
});

const table = z.object({
  name: z.string(),
  columns: z.array(column),
  primaryKey: z.array(z.string()),
});

const argument = column.extend({ required: z.boolean(), variadic: z.boolean() });

const routine = z.object({
  name: z.string(),
  arguments: z.array(argument),
  /** One value, one row as an object, or nothing at all. */
  result: z.enum(["scalar", "composite", "void"]),
  returnsSet: z.boolean(),
  isVolatile: z.boolean(),
  /** Of a composite result. */
  columns: z.array(column),
});

const roleSetting = z.object({ name: z.string(), value: z.string() });

const catalogueRow = z.object({
  tables: z.array(table),
  routines: z.array(routine),
  roles: z.record(z.string(), z.array(roleSetting)),
});

export type Column = z.infer<typeof column>;
export type Table = z.infer<typeof table>;
export type Routine = z.infer<typeof routine>;
export type RoleSetting = z.infer<typeof roleSetting>;

/** What the exposed schema holds; types are written with their schema, ready to stand in SQL. */
export interface Catalogue {
  tables: Map<string, Table>;
  /** By name; overloads share one. */
  routines: Map<string, Routine[]>;
  /** What `alter role … set` asked for, by role. */
  roleSettings: Map<string, RoleSetting[]>;
}

/**
 * PostgREST's schema cache: read on first use, and again when something is asked for that it does not know,
 * so that a migration is seen without a restart.
 */
export class CatalogueCache {
  readonly #pool: Pool;
  #current: Promise<Catalogue> | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  read(): Promise<Catalogue> {
    this.#current ??= loadCatalogue(this.#pool).catch((error: unknown) => {
      this.#current = undefined;
      throw error;
    });
    return this.#current;
  }

  /** Plans a request; one that names what the copy at hand does not know is planned again with a fresh one. */
  async plan<T>(make: (catalogue: Catalogue) => T): Promise<T> {
    const known = this.#current;
    try {
      return make(await this.read());
    } catch (error) {
      if (!(error instanceof UnknownNameError) || known === undefined) throw error;
    }
    this.forget(known);
    return make(await this.read());
  }

  /** Has the next request read the catalogue again. */
  forget(known = this.#current): void {
    if (this.#current === known) this.#current = undefined;
  }
}

async function loadCatalogue(pool: Pool): Promise<Catalogue> {
  const client = await pool.connect().catch(refuseUnreachable);
  try {
    // Without a search path, format_type writes every type with its schema.
    const [, result] = await Promise.all([
      client.query("begin read only; set local search_path = ''"),
      client.query(CATALOGUE_SQL, [EXPOSED_SCHEMA]),
      client.query("commit"),
    ]);
    const { tables, routines, roles } = catalogueRow.parse(result.rows[0]);
    return {
      tables: new Map(tables.map((each) => [each.name, each])),
      routines: groupByName(routines),
      roleSettings: new Map(Object.entries(roles)),
    };
  } finally {
    client.release();
  }
}

function groupByName(routines: Routine[]): Map<string, Routine[]> {
  const groups = new Map<string, Routine[]>();
  for (const each of routines) groups.set(each.name, [...(groups.get(each.name) ?? []), each]);
  return groups;
}

const CATALOGUE_SQL = `
with exposed as (select oid from pg_namespace where nspname = $1),
relations as (
  select c.relname as name,
    (select coalesce(jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                                                  'default', pg_get_expr(d.adbin, d.adrelid))
                               order by a.attnum), '[]')
     from pg_attribute a
     left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum and a.attgenerated = ''
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select coalesce(jsonb_agg(a.attname order by array_position(i.indkey, a.attnum)), '[]')
     from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
     where i.indrelid = c.oid and i.indisprimary) as primary_key
  from pg_class c
  where c.relnamespace = (select oid from exposed) and c.relkind in ('r', 'p', 'v', 'm', 'f')
),
parameters as (
  select p.oid, u.position, u.name, format_type(u.type, null) as type, coalesce(u.mode, 'i') as mode,
    row_number() over (partition by p.oid, coalesce(u.mode, 'i') in ('i', 'b', 'v') order by u.position) as nth
  from pg_proc p
  cross join unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes)
    with ordinality as u(type, name, mode, position)
  where p.pronamespace = (select oid from exposed) and u.type is not null
),
functions as (
  select p.proname as name, p.proretset as returns_set, p.provolatile = 'v' as is_volatile,
    case
      when p.prorettype = 'pg_catalog.void'::regtype then 'void'
      when t.typtype = 'c' or p.proargmodes::text[] && '{t,b,o}' then 'composite'
      else 'scalar'
    end as result,
    (select coalesce(jsonb_agg(jsonb_build_object('name', coalesce(a.name, ''), 'type', a.type,
                                                  'required', a.nth <= p.pronargs - p.pronargdefaults,
                                                  'variadic', a.mode = 'v') order by a.position), '[]')
     from parameters a where a.oid = p.oid and a.mode in ('i', 'b', 'v')) as arguments,
    case when t.typtype = 'c' then
      (select coalesce(jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
                                 order by a.attnum), '[]')
       from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
    else
      (select coalesce(jsonb_agg(jsonb_build_object('name', a.name, 'type', a.type) order by a.position), '[]')
       from parameters a where a.oid = p.oid and a.mode in ('t', 'b', 'o'))
    end as columns
  from pg_proc p join pg_type t on t.oid = p.prorettype
  where p.pronamespace = (select oid from exposed) and p.prokind = 'f'
    and p.prorettype not in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
),
role_settings as (
  select r.rolname, jsonb_agg(jsonb_build_object('name', split_part(s.setting, '=', 1),
                                                 'value', substr(s.setting, strpos(s.setting, '=') + 1))) as settings
  from pg_db_role_setting d
  join pg_roles r on r.oid = d.setrole
  cross join unnest(d.setconfig) as s(setting)
  join pg_settings g on g.name = split_part(s.setting, '=', 1) and g.context = 'user'
  where d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  group by r.rolname
)
select
  (select coalesce(jsonb_agg(jsonb_build_object('name', name, 'columns', columns, 'primaryKey', primary_key)), '[]')
   from relations) as tables,
  (select coalesce(jsonb_agg(jsonb_build_object('name', name, 'arguments', arguments, 'result', result,
                                                'returnsSet', returns_set, 'isVolatile', is_volatile,
                                                'columns', columns)), '[]')
   from functions) as routines,
  (select coalesce(jsonb_object_agg(rolname, settings), '{}') from role_settings) as roles`;
